"""What an eval prepares of its examples and no model changes, kept in a process for the base's next subject.

Contract: preparations are known by the eval, its rows and the base, so that every subject gets what it would prepare
itself. Files that a run has resolved do not change while it goes on, and a process serves one run. Few examples are
kept: an eval of many spends its time in the model.
"""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from bench.digest import digest_json
from bench.record.jobs.eval_job import EvalJob

Made = TypeVar("Made")

MOST_EXAMPLES = 5_000
"""Examples of all evals whose preparations stay."""


class PreparedEval:
    """Preparations of one eval for one base."""

    def __init__(self) -> None:
        self.examples = 0
        """How many examples they are of."""
        self._made: dict[Hashable, Any] = {}
        self._large: dict[Hashable, Any] = {}

    def get(self, name: Hashable, make: Callable[[], Made], *, large: bool = False) -> Made:
        """What `make` made when it was first asked for under this name. large: it goes when the process rests."""
        made = self._large if large else self._made
        if name not in made:
            made[name] = make()
        return cast(Made, made[name])

    def rest(self) -> None:
        """Drops what is large."""
        self._large.clear()


class PreparedEvals:
    """Preparations of the last evals of a process."""

    def __init__(self) -> None:
        self._kept: dict[str, PreparedEval] = {}

    def of(self, job: EvalJob, *, positions: int) -> PreparedEval:
        """Preparations of the job's eval for its base, whose subject has `positions` for text."""
        asked = job.model_dump(mode="json", include={"eval", "model", "data", "part", "tasks_path", "shots"})
        key = digest_json([asked, positions])
        prepared = self._kept.pop(key, None) or PreparedEval()
        self._kept[key] = prepared
        return prepared

    def rest(self) -> None:
        """Drops what is large."""
        for prepared in self._kept.values():
            prepared.rest()

    def trim(self) -> None:
        """Drops those that were used longest ago, until few enough examples are left."""
        while sum(prepared.examples for prepared in self._kept.values()) > MOST_EXAMPLES:
            del self._kept[next(iter(self._kept))]
