"""The server of children starts in advance unless the same was done before: it imports libraries for seconds."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.run.hints import hint_file, leave, warm_unless_done
from bench.run.process.server import ChildServer
from tests.fakes.suites import fake_suite


def test_it_is_started_until_the_same_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[ChildServer] = []
    monkeypatch.setattr(ChildServer, "warm", lambda server: started.append(server))
    loaded, home = fake_suite(tmp_path), tmp_path / "home"
    warm_unless_done("planned", loaded, (), home)
    leave(hint_file("planned", loaded, (), home))
    warm_unless_done("planned", loaded, (), home)
    assert len(started) == 1
    warm_unless_done("finished", loaded, (), home)
    warm_unless_done("planned", loaded, ("*",), home)
    assert len(started) == 3


def test_planning_and_running_import_no_numbers_before_there_are_some(root: Path) -> None:
    """What was done before is found again by digests: arrays and connections would double the imports of that."""
    heavy = ("numpy", "ssl", "torch", "transformers", "datasets")
    code = (
        "import sys, bench.cli.main, bench.run.estimate.forecast, bench.show.forecast, bench.run.run,"
        f" bench.run.executors.choose; sys.exit(', '.join({{*{heavy!r}}} & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
