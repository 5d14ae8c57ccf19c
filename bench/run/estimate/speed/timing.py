"""Short timings where no earlier job says what one takes: first steps of a training, first examples of an eval.

Contract: a child works on the job itself, alone, in a scratch folder, until `_ENOUGH_SECONDS` of its work are seen, and
is then ended. Nothing is kept but the timing, below `HOME/timings`, by what decides it: base, recipe or eval, threads,
device and code. An eval that asks a judge or a served model is not timed: that costs money.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from bench.atomic import write_text
from bench.code_digest import own_code
from bench.digest import digest_json
from bench.emit import Event, ExamplesDone, StepDone
from bench.record.environment import device
from bench.record.files import RESULT
from bench.record.jobs.eval_job import AnswerJob, EvalJob
from bench.record.jobs.job import result_adapter
from bench.record.jobs.train_job import ProbeJob, TrainJob
from bench.record.results.evals.evaluation import EvalResult
from bench.record.results.training.facts import PlannedCounts
from bench.record.results.training.result import ProbeResult
from bench.run.estimate.speed.past_speeds import NOT_IN_SPEED
from bench.run.plan.digests import ENTRIES, PROBE
from bench.run.process.limits import peak_resident_bytes
from bench.run.process.server import Child, ChildServer
from bench.spec import Spec

_Kind = TypeVar("_Kind", bound=Event)

_ENOUGH_SECONDS = 5.0
_PATIENCE_SECONDS = 300.0
"""For loading and the first step or batch; without one by then there is no timing."""
_STEPS = 8


class Timing(Spec):
    """How long a job takes: `start` seconds, then `seconds_per_unit` per slot of a training or example of an eval."""

    start: float
    seconds_per_unit: float
    examples: int | None = None
    """Examples of the eval; `None` of a training."""
    peak_bytes: int | None = None
    """Highest resident bytes of its processes, by the time it was ended; `None` where the system does not say."""
    counted_bytes: int | None = None
    """Peak of the largest step, which was among those timed, as counted from shapes; `None` where it was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Timings by what decides them, taken where there is none yet."""

    home: Path
    server: ChildServer
    measure: bool = True
    """Whether to time what there is no timing of."""

    def training(self, job: TrainJob, counts: PlannedCounts, *, counted_bytes: int | None) -> Timing | None:
        """Seconds per slot of a training whose schedule has these `counts`; `None` where it could not be timed.

        `counted_bytes`: the peak of its largest step, as counted from shapes.
        """
        if job.recipe.by_program:
            return None
        recipe: dict[str, Any] = job.recipe.model_dump(mode="json", exclude=NOT_IN_SPEED)
        key = self._key(["training", job.model.sha256, recipe, job.threads, device()], PROBE)
        if (known := self._known(key)) is not None or not self.measure:
            return known
        probed = job.from_base().with_setting(job.recipe.settings[0])
        steps = min(_STEPS, max(2, counts.steps))
        probe = ProbeJob(training=probed, steps=steps, with_largest_pass=True, digest=job.digest)
        return self._kept(key, self._time_training(probe, counts, counted_bytes))

    def evaluation(self, job: EvalJob | AnswerJob) -> Timing | None:
        """Seconds of one subject of an eval, the base; `None` where it could not be timed."""
        eval_job = job.asking if isinstance(job, AnswerJob) else job
        if eval_job.judging is not None or eval_job.training is not None or eval_job.served is not None:
            return None
        spec: dict[str, Any] = eval_job.eval.model_dump(mode="json", exclude={"role"})
        rows = None if eval_job.data is None else eval_job.data.sha256
        key = self._key(["eval", eval_job.model.sha256, spec, rows, eval_job.threads, device()], eval_job.eval.kind)
        known = self._known(key)
        return known if known is not None or not self.measure else self._kept(key, self._time_eval(job))

    def _time_training(self, job: ProbeJob, counts: PlannedCounts, counted_bytes: int | None) -> Timing | None:
        """The first step is left out: it holds what later ones do not repeat."""
        with self._running("probe", job) as running:
            events, peak = [*_events(running, StepDone)], running.peak_bytes()
        steps = [(at, event.tokens) for at, event in events if event.tokens is not None]
        if len(steps) < 2 or steps[-1][1] == steps[0][1]:
            return None
        (first, before), (last, after) = steps[0], steps[-1]
        return Timing(
            start=first - running.began,
            seconds_per_unit=(last - first) / (after - before) * counts.tokens / max(1, counts.slots),
            peak_bytes=peak,
            counted_bytes=counted_bytes,
        )

    def _time_eval(self, job: EvalJob | AnswerJob) -> Timing | None:
        alone = job.asked_anew()
        with self._running(job.kind, alone) as running:
            parts = [(at, event.done, event.total) for at, event in _events(running, ExamplesDone)]
            peak = running.peak_bytes()
        if len(parts) < 2 or parts[-1][1] == 0:
            return None
        (begun, *_), (last, done, total) = parts[0], parts[-1]
        seconds = (last - begun) / done
        return Timing(start=begun - running.began, seconds_per_unit=seconds, examples=total, peak_bytes=peak)

    @contextmanager
    def _running(self, kind: str, job: Spec) -> Iterator["_TimedChild"]:
        (self.home / "timings").mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="start-", dir=self.home / "timings"))
        began = time.monotonic()
        child = self.server.start(kind, job, folder=scratch, log=self.home / "logs" / "timing.txt")
        try:
            yield _TimedChild(child=child, began=began, folder=scratch)
        finally:
            child.stop()
            shutil.rmtree(scratch, ignore_errors=True)

    def _key(self, parts: list[Any], timed: str) -> str:
        return own_code(self.home).key(digest_json(parts), *ENTRIES[timed])

    def _known(self, key: str) -> Timing | None:
        return Timing.kept_in(self.home / "timings" / f"{key}.json")

    def _kept(self, key: str, timing: Timing | None) -> Timing | None:
        if timing is not None:
            write_text(self.home / "timings" / f"{key}.json", timing.model_dump_json())
        return timing


@dataclass(frozen=True, slots=True, kw_only=True)
class _TimedChild:
    """A child at work on a job."""

    child: Child
    began: float
    folder: Path

    def peak_bytes(self) -> int | None:
        """Highest resident bytes so far: as its result says, or of its processes while they are there."""
        try:
            result = result_adapter.validate_json((self.folder / RESULT).read_bytes())
        except (OSError, ValidationError):
            return peak_resident_bytes(self.child.process.pid)
        return result.peak_process_bytes if isinstance(result, ProbeResult | EvalResult) else None


def _events(running: _TimedChild, kind: type[_Kind]) -> Iterator[tuple[float, _Kind]]:
    """Events of a kind with the time they came, until enough is seen or the child has ended."""
    child, began = running.child, running.began
    first: float | None = None
    while not child.ended():
        came = [event for event in child.wait(0.2) if isinstance(event, kind)]
        now = time.monotonic()
        for event in came:
            first = now if first is None else first
            yield now, event
        waited = now - (began if first is None else first)
        if waited > _PATIENCE_SECONDS or (came and first is not None and waited > _ENOUGH_SECONDS):
            return
