"""Time and memory of single jobs: from earlier ones, else timed for this, else from shapes. Each says which."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bench.record.environment import device
from bench.record.jobs.eval_job import AnswerJob, EvalJob
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.applied import QUESTION_ROWS
from bench.record.results.training.facts import PlannedCounts
from bench.run.estimate.memory.from_shapes import training_memory
from bench.run.estimate.memory.on_processor import StepMemory
from bench.run.estimate.speed.past_speeds import History
from bench.run.estimate.speed.subject_kinds import SubjectKind, loads_apart, stand_ins
from bench.run.estimate.speed.timing import SubjectTiming, Timing, Timings

_ROUGH_FLOPS_PER_SECOND = {"cpu": 2e10, "mps": 1e12, "cuda": 5e13}
"""What small batches reach, per worker; only where no earlier job says better."""
START_SECONDS = 1.0
_TOKENS_OF_A_QUESTION = 40
"""A question with its template: 21 (`dialogue`), 39 (SmolLM2's) and 63 (`alpaca`, embedded tokenizer) were counted."""
CHECK_SLOTS = 2 * QUESTION_ROWS * _TOKENS_OF_A_QUESTION
"""Forward passes of a trained subject and its base, which show at a training's end that it was applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCost:
    """What one training takes."""

    seconds: float
    seconds_from: Literal["history", "probe", "rough"]
    memory_bytes: int
    memory_from: Literal["history", "probe", "shapes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalCost:
    """What one subject of an eval takes; `None` where nothing says so."""

    seconds: float | None = None
    """Without what the subject takes beside its scoring, where other evals share it."""
    seconds_from: Literal["history", "probe"] | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectCost:
    """What a subject takes beside its scoring; `None` where nothing says so."""

    load: float | None = None
    """Seconds of a load."""
    comparison: float | None = None
    """Seconds of a comparison with its base."""
    seconds_from: Literal["history", "probe"] | None = None
    load_bytes: int | None = None
    """Peak of a load."""
    comparison_bytes: int | None = None
    """Peak of a comparison."""

    def tells(self, kind: SubjectKind) -> bool:
        """Whether it says what a run will spend on this kind."""
        loads, compares = self.load is not None, self.comparison is not None
        return (loads or not kind.to_load) and (compares or not kind.to_compare)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCosts:
    """What jobs take."""

    history: History
    timings: Timings | None
    """`None`: nothing is timed."""
    steps: Mapping[str, StepMemory]
    """Memory on a processor by arm, as counted from shapes."""
    tell: Callable[[str], None]
    checks: Mapping[str, float] = field(default_factory=dict)
    """Seconds of the check at the end of a training, by arm, where they are known."""

    def training(self, job: TrainJob, counts: PlannedCounts, *, to_do: bool) -> TrainingCost:
        """Time and memory of one training. `to_do`: it is worth timing."""
        speed, timing = self.history.tokens_per_second(job), None
        if speed is None and to_do and self.timings is not None:
            self.tell(f"timing a few steps of {job.arm}")
            step = self.steps.get(job.arm)
            timing = self.timings.training(job, counts, counted_bytes=None if step is None else step.total)
        seconds, source = _training_seconds(job, counts, speed, timing, self.checks.get(job.arm))
        memory, memory_source = self._training_bytes(job, counts, timing)
        return TrainingCost(seconds=seconds, seconds_from=source, memory_bytes=memory, memory_from=memory_source)

    def evaluation(self, job: EvalJob | AnswerJob, *, to_do: bool) -> EvalCost:
        """Time and memory of one subject. `to_do`: it is worth timing."""
        eval_job = job.asking if isinstance(job, AnswerJob) else job
        seconds = self.history.eval_seconds(eval_job)
        if seconds is not None:
            peak = self.history.eval_bytes(eval_job)
            return EvalCost(seconds=seconds, seconds_from="history", memory_bytes=peak)
        if not to_do or self.timings is None:
            return EvalCost()
        self.tell(f"timing some examples of {eval_job.eval.name}")
        timing = self.timings.evaluation(job)
        if timing is None or timing.examples is None:
            return EvalCost()
        load = 0.0 if loads_apart(eval_job) else timing.load or 0.0
        seconds = load + timing.start + timing.seconds_per_unit * timing.examples
        peak = timing.peak_bytes if device() == "cpu" else None
        return EvalCost(seconds=seconds, seconds_from="probe", memory_bytes=peak)

    def subjects(self, kinds: Sequence[SubjectKind]) -> list[SubjectCost]:
        """Time and memory of each kind of subjects, beside their scoring."""
        past = [self._past_subject(kind) for kind in kinds]
        if self.timings is None or all(cost.tells(kind) for kind, cost in zip(kinds, past, strict=True)):
            return past
        self.tell("loading what evals load")
        timed = self.timings.subjects(stand_ins(kinds))
        found = [old if old.tells(kind) else _timed(new) for kind, old, new in zip(kinds, past, timed, strict=True)]
        return [_as_others(cost, found) for cost in found]

    def _past_subject(self, kind: SubjectKind) -> SubjectCost:
        load, comparison = self.history.subject_seconds(kind.name, kind.job)
        return SubjectCost(load=load, comparison=comparison, seconds_from=None if load is None else "history")

    def _training_bytes(
        self, job: TrainJob, counts: PlannedCounts, timing: Timing | None
    ) -> tuple[int, Literal["history", "probe", "shapes"]]:
        kind, step = device().partition(":")[0], self.steps.get(job.arm)
        if (seen := self.history.training_bytes(job)) is not None:
            return seen, "history"
        if step is None:
            return training_memory(job, counts, device=kind), "shapes"
        if timing is not None and timing.peak_bytes is not None and counts.later_steps is not None:  # it has two
            further = 0 if timing.counted_bytes is None else step.total - timing.counted_bytes
            return timing.peak_bytes + further * job.recipe.processes, "probe"
        return step.total * job.recipe.processes, "shapes"


def _timed(timing: SubjectTiming | None) -> SubjectCost:
    if timing is None:
        return SubjectCost()
    memory = timing.memory if device() == "cpu" else None
    return SubjectCost(
        load=timing.load,
        comparison=timing.comparison,
        seconds_from="probe",
        load_bytes=None if memory is None else memory.load_bytes,
        comparison_bytes=None if memory is None else memory.comparison_bytes,
    )


def _as_others(cost: SubjectCost, costs: Sequence[SubjectCost]) -> SubjectCost:
    """What was not timed of one kind takes about as much as of the first that was."""
    loaded = next((one for one in (cost, *costs) if one.load is not None), cost)
    compared = next((one for one in (cost, *costs) if one.comparison is not None), cost)
    return SubjectCost(
        load=loaded.load,
        comparison=compared.comparison,
        seconds_from=cost.seconds_from or loaded.seconds_from,
        load_bytes=loaded.load_bytes,
        comparison_bytes=compared.comparison_bytes,
    )


def _training_seconds(
    job: TrainJob, counts: PlannedCounts, speed: float | None, timing: Timing | None, check: float | None
) -> tuple[float, Literal["history", "probe", "rough"]]:
    """Seconds of one training by the `speed` of earlier ones, else by the `timing`, and which of them it was. check:
    seconds of the check at its end; `None`: by the pace of its steps."""
    if speed is not None:
        return START_SECONDS + counts.tokens / speed, "history"
    if timing is not None:
        forward = 2 * counts.parameters / (4 * counts.parameters + 2 * counts.trainable_parameters)  # of a slot's time
        checked = timing.seconds_per_unit * CHECK_SLOTS * forward if check is None else check
        return timing.start + timing.seconds_per_unit * counts.slots + checked, "probe"
    return START_SECONDS + _rough_seconds(counts) / job.recipe.processes, "rough"


def _rough_seconds(counts: PlannedCounts) -> float:
    trained = rough_seconds(parameters=counts.parameters, trained=counts.trainable_parameters, slots=counts.slots)
    return trained + rough_seconds(parameters=counts.parameters / 2, trained=0, slots=CHECK_SLOTS)


def rough_seconds(*, parameters: float, trained: float, slots: float) -> float:
    """Seconds of training on `slots` by one worker of this device: two operations per parameter and slot forward, two
    for the gradients that flow, two for the trained weights' own."""
    return (4 * parameters + 2 * trained) * slots / _ROUGH_FLOPS_PER_SECOND[device().partition(":")[0]]
