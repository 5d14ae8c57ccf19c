"""The server of children starts in advance unless the same was done before: it imports libraries for seconds."""

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
