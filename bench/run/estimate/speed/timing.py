"""Short timings where no earlier job says what one takes: first steps of a training, first examples of an eval, the
loads of its subjects.

Contract: a child works on the job itself, alone, in a scratch folder, until `_ENOUGH_SECONDS` of its work are seen, and
is then ended; one that is done with a base's eval goes on with the next, as in a run. Nothing is kept but the timing,
below `HOME/timings`, by what decides it: base, recipe or eval, threads, device and code. An eval that asks a judge or a
served model is not timed: that costs money.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.atomic import write_text
from bench.code_digest import own_code
from bench.digest import digest_json
from bench.emit import Event, ExamplesDone, StageDone, StepDone
from bench.record.environment import device
from bench.record.files import RESULT
from bench.record.jobs.eval_job import AnswerJob, EvalJob
from bench.record.jobs.job import loaded_weights, result_adapter
from bench.record.jobs.train_job import ProbeJob, TrainJob
from bench.record.results.evals.evaluation import EvalResult
from bench.record.results.training.facts import PlannedCounts
from bench.record.results.training.result import ProbeResult
from bench.run.estimate.speed.past_speeds import NOT_IN_SPEED
from bench.run.plan.digests import ENTRIES, PROBE
from bench.run.process.limits import peak_resident_bytes
from bench.run.process.payloads import StandIn, StandInsReply, StandInsRequest, SubjectMemory
from bench.run.process.server import Child, ChildServer, stop_all
from bench.run.process.work import ChildRequest
from bench.spec import Spec

_ENOUGH_SECONDS = 5.0
_PATIENCE_SECONDS = 300.0
"""For loading and the first step or batch; without one by then there is no timing."""
_STEPS = 8
_LOADING = ("bench.worker.stand_ins",)


class Timing(Spec):
    """How long a job takes: `start` seconds, then `seconds_per_unit` per slot of a training or example of an eval."""

    load: float | None = None
    """Seconds until an eval has its subject, before `start`; `None` of a training."""
    start: float
    seconds_per_unit: float
    examples: int | None = None
    """Examples of the eval; `None` of a training."""
    peak_bytes: int | None = None
    """Highest resident bytes of its processes, by the time it was ended; `None` where the system does not say."""
    counted_bytes: int | None = None
    """Peak of the largest step, which was among those timed, as counted from shapes; `None` where it was not."""


class SubjectTiming(Spec):
    """What a subject takes beside its scoring."""

    load: float
    """Seconds until it is loaded, in a process that has its base."""
    comparison: float | None
    """Seconds of a comparison with its base; `None` where none was made."""
    memory: SubjectMemory


class _SubjectTimings(Spec):
    """Timings of the subjects that were asked about, in their order; `None` where there is nothing in their place."""

    subjects: tuple[SubjectTiming | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Timings by what decides them, taken where there is none yet."""

    home: Path
    server: ChildServer
    measure: bool = True
    """Whether to time what there is no timing of."""
    _idle: list[Child] = field(default_factory=list)
    """A child that has a base, and waits for its next eval."""

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
        decisive = [eval_job.model.sha256, spec, rows, eval_job.threads, eval_job.precision, device()]
        key = self._key(["eval", *decisive], eval_job.eval.kind)
        known = self._known(key)
        return known if known is not None or not self.measure else self._kept(key, self._time_eval(job))

    def subjects(self, asked: Sequence[StandIn]) -> tuple[SubjectTiming | None, ...]:
        """Loads of these, one after another, and comparisons with their bases; `None` where one could not be timed."""
        key = own_code(self.home).key(digest_json([_decisive(one) for one in asked]), *_LOADING)
        file = self.home / "timings" / f"subjects-{key}.json"
        known = _SubjectTimings.kept_in(file)
        if known is None and self.measure:
            known = _SubjectTimings(subjects=self._time_subjects(asked))
            write_text(file, known.model_dump_json())
        return (None,) * len(asked) if known is None else known.subjects

    def _time_training(self, job: ProbeJob, counts: PlannedCounts, counted_bytes: int | None) -> Timing | None:
        """The first step is left out: it holds what later ones do not repeat."""
        with self._running("probe", job) as running:
            events, peak = [*_events(running, StepDone)], running.peak_bytes()
        steps = [(at, event.tokens) for at, event in events if isinstance(event, StepDone) and event.tokens is not None]
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
        with self._running(job.kind, alone, stays=loaded_weights(alone) is not None) as running:
            events, peak = [*_events(running, ExamplesDone)], running.peak_bytes()
            ended = time.monotonic() if running.child.ended() else None
        parts = [(at, event.done, event.total) for at, event in events if isinstance(event, ExamplesDone)]
        loaded = [at for at, event in events if isinstance(event, StageDone)]
        if len(parts) < 2 or parts[-1][1] == 0 or not loaded:
            return None
        (begun, *_), (last, done, total) = parts[0], parts[-1]
        seconds = ((last if ended is None else ended) - begun) / done  # a whole eval ends with checks and its scores
        return Timing(
            load=loaded[0] - running.began,
            start=begun - loaded[0],
            seconds_per_unit=seconds,
            examples=total,
            peak_bytes=peak,
        )

    def _time_subjects(self, asked: Sequence[StandIn]) -> tuple[SubjectTiming | None, ...]:
        made, times = 0.0, list[tuple[float, float]]()
        with self._running("stand-ins", StandInsRequest(subjects=tuple(asked))) as running:
            for at, event in _events(running, StageDone, enough=_PATIENCE_SECONDS):
                if isinstance(event, StageDone) and event.stage == "made":
                    made = at
                elif isinstance(event, StageDone) and event.stage == "loaded":
                    loaded = at
                elif isinstance(event, StageDone):
                    times.append((loaded - made, at - loaded))
            value = running.child.value if running.child.ended() else None
        if value is None:
            return (None,) * len(asked)
        whole, memory = iter(times), StandInsReply.model_validate(value).memory
        both = zip(asked, memory, strict=True)
        return tuple(None if of is None else _subject(one, of, *next(whole)) for one, of in both)

    def end(self) -> None:
        """Ends the child that waits for an eval."""
        stop_all(self._idle)
        self._idle.clear()

    @contextmanager
    def _running(self, kind: str, job: Spec, *, stays: bool = False) -> Iterator["_TimedChild"]:
        (self.home / "timings").mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="start-", dir=self.home / "timings"))
        began, places = time.monotonic(), {"folder": scratch, "log": self.home / "logs" / "timing.txt"}
        child = self._resumed(self.server.request(kind, job, stays=stays, **places)) if stays else None
        child = child or self.server.start(kind, job, stays=stays, **places)
        try:
            yield _TimedChild(child=child, began=began, folder=scratch)
        finally:
            if child.idle:
                self._idle.append(child)
            else:
                child.stop()
            shutil.rmtree(scratch, ignore_errors=True)

    def _resumed(self, request: ChildRequest) -> Child | None:
        """The child that waits, at work on this; `None` where there is none any more."""
        child = self._idle.pop() if self._idle else None
        return child if child is not None and child.resume(request) else None

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


def _subject(asked: StandIn, memory: SubjectMemory, load: float, behind: float) -> SubjectTiming:
    return SubjectTiming(load=load, comparison=behind if asked.compared else None, memory=memory)


def _decisive(asked: StandIn) -> list[Any]:
    """What decides how long a subject's load and comparison take."""
    job, training = asked.job, asked.training
    adapter = None if training is None else training.recipe.model_dump(mode="json", exclude=NOT_IN_SPEED)
    given = None if job.given is None else job.given.sha256
    return [job.model.sha256, given, adapter, job.eval.kind, job.precision, job.threads, device()]


def _events(
    running: _TimedChild, kind: type[Event], *, enough: float = _ENOUGH_SECONDS
) -> Iterator[tuple[float, Event]]:
    """Events with the time they came, until `enough` seconds are seen from the first of this kind, or the child has
    ended."""
    child, began = running.child, running.began
    first: float | None = None
    while not child.ended():
        came = child.wait(0.2)
        now = time.monotonic()
        for event in came:
            first = now if first is None and isinstance(event, kind) else first
            yield now, event
        waited = now - (began if first is None else first)
        if waited > _PATIENCE_SECONDS or (came and first is not None and waited > enough):
            return
