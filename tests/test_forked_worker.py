"""Workers that are forked from collected tests report what could not be collected."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tests.fakes.forked_worker import Uncollected


def test_what_could_not_be_collected_is_imported_again(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    files = {"broken": "run/test_x.py", "in_a_broken_folder": "show/deep/test_y.py", "good": "run/test_xy.py"}
    for name, file in files.items():
        module = ModuleType(name)
        module.__file__ = str(root / "tests" / file)
        monkeypatch.setitem(sys.modules, name, module)
    uncollected = Uncollected()
    for nodeid, passed in (("tests/run/test_x.py", False), ("tests/show", False), ("tests/run", True)):
        uncollected.pytest_collectreport(SimpleNamespace(nodeid=nodeid, passed=passed))
    uncollected.forget()
    assert [name for name in files if name in sys.modules] == ["good"]
