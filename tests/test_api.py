"""The Python interface does what its page shows, without anything heavy in the calling process."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import api
from bench.run.process.server import ChildServer
from tests.fakes.suites import fake_suite

PAGE = Path(__file__).resolve().parents[1] / "docs" / "python.md"


def test_the_page_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    server, run = ChildServer(module="tests.fakes.worker"), api.run
    monkeypatch.setattr(api, "load_suite", lambda path, overrides: fake_suite(tmp_path))
    monkeypatch.setattr(api, "run", lambda suite: run(suite, server=server))
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    exec(code, {})  # noqa: S102  # the page's own text
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("few/full qa 1.0 ") for line in lines)
    assert lines[-1] == "0"
    assert (api.open_run("latest").path / "report.html").is_file()


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys, bench.api; print({'torch', 'transformers', 'trl', 'peft', 'datasets'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_every_public_name_exists() -> None:
    assert all(hasattr(api, name) for name in api.__all__)
