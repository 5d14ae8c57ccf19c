"""A server of children imports what only jobs need while nobody waits for a child, and no longer than that."""

import os
import selectors
import subprocess
import sys

import pytest

from bench.run.process import idle_imports


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(idle_imports, "LATER", ["first", "second"])
    monkeypatch.setattr(idle_imports, "import_module", names.append)
    return names


def test_a_waiting_child_comes_before_every_import(imported: list[str]) -> None:
    asks, asked = os.pipe()
    with idle_imports._ImportsWhileIdle() as selector:
        selector.register(asks, selectors.EVENT_READ)
        os.write(asked, b"child")
        assert [key.fd for key, _ in selector.select()] == [asks]
    assert imported == []


def test_a_child_that_is_asked_for_meanwhile_waits_for_one_import(
    imported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asks, asked = os.pipe()
    monkeypatch.setattr(idle_imports, "import_module", lambda name: imported.append(name) or os.write(asked, b"child"))
    with idle_imports._ImportsWhileIdle() as selector:
        selector.register(asks, selectors.EVENT_READ)
        assert [key.fd for key, _ in selector.select()] == [asks]
    assert imported == ["first"]


def test_a_library_that_cannot_be_imported_is_left_to_who_asks_for_it(
    imported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asks, asked = os.pipe()

    def fail(name: str) -> None:
        imported.append(name)
        if name == "second":
            os.write(asked, b"child")
        raise ImportError(name)

    monkeypatch.setattr(idle_imports, "import_module", fail)
    with idle_imports._ImportsWhileIdle() as selector:
        selector.register(asks, selectors.EVENT_READ)
        selector.select()
    assert imported == ["first", "second"]


def test_the_servers_own_loop_imports_while_it_waits() -> None:
    """Through multiprocessing's server, whose selector is no public matter."""
    subprocess.run([sys.executable, "-m", "tests.fakes.idle"], check=True, timeout=60)
