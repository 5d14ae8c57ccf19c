"""`bench models build`: refuses what it cannot build, and reports what the child made."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench.errors import InputError
from bench.run.commands.build import build_embedded
from bench.run.process.server import ChildServer


def test_a_base_that_this_project_does_not_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        build_embedded("mikro", out=tmp_path)
    assert caught.value.problems[0].hint == "did you mean 'micro'?"
    assert list(tmp_path.iterdir()) == []


def test_the_result_names_folder_size_and_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    said = build_embedded(
        "micro",
        out=tmp_path / "base",
        seed=7,
        console=Console(file=StringIO()),
        server=ChildServer(module="tests.fakes.echo"),
    )
    assert said == (
        f"{tmp_path / 'base'}: 1,234,567 parameters, loss 1.5 nats per token after 7 tokens in 2.0 s, sha256 "
        f"{'ab' * 8}…"
    )
