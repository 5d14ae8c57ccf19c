"""What tests of lm-eval's tasks must do without."""

from typing import Any

import pytest


@pytest.fixture
def no_whole_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Building lm-eval's index of 14,000 names takes ten seconds, per eval job, on every subject."""
    from lm_eval.tasks import TaskManager

    original = TaskManager.__init__

    def small(self: TaskManager, *arguments: Any, **options: Any) -> None:
        assert options.get("include_defaults") is False, "the whole index was built"
        original(self, *arguments, **options)

    monkeypatch.setattr(TaskManager, "__init__", small)
