"""What the end of a run needs, prepared by a thread while the last evals run: the parent only waits then.

Contract: no result depends on it. Where it fails, the end of the run does the same work, and says what is wrong. It
begins when nothing but evals is left, so that no training's speed suffers, and each eval was scored once. Where evals
run alone on this machine, a run gives it no steps: they report speeds, too.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Sequence

from bench.record.jobs.eval_job import AnswerJob, EvalJob, ShareJob
from bench.run.plan.types import PlannedJob


class Preparation:
    """Steps that are taken, in their order, as soon as the last of some jobs has ended."""

    def __init__(self, jobs: Sequence[PlannedJob], steps: Iterable[Callable[[], object]]) -> None:
        """jobs: what is still to do in this run."""
        self._awaited = {
            planned.digest for planned in jobs if not isinstance(planned.job, EvalJob | AnswerJob | ShareJob)
        }
        self._awaited |= _first_scores(jobs)
        self._thread = threading.Thread(
            target=_take, args=(tuple(steps),), daemon=True
        )  # an interrupted run ends at once

    def job_ended(self, digest: str) -> None:
        """A job of this digest has ended: begin if it was the last that was awaited."""
        awaited = bool(self._awaited)
        self._awaited.discard(digest)
        if awaited and not self._awaited:
            self._thread.start()

    def finish(self) -> None:
        """Wait for what was begun."""
        if self._thread.ident is not None:
            self._thread.join()


def _first_scores(jobs: Iterable[PlannedJob]) -> set[str]:
    """Digests of the first job of each eval: all subjects are asked the same."""
    first: dict[str, str] = {}
    for planned in jobs:
        if isinstance(planned.job, EvalJob):
            first.setdefault(planned.job.eval.name, planned.digest)
    return {*first.values()}


def _take(steps: Iterable[Callable[[], object]]) -> None:
    for step in steps:
        with contextlib.suppress(Exception):  # whoever needs it does it again, and hears of it
            step()
