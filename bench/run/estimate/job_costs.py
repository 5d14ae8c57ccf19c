"""Time and memory of single jobs: from earlier ones, else timed for this, else from shapes. Each says which."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from bench.record.environment import device
from bench.record.jobs.eval_job import AnswerJob, EvalJob
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.applied import QUESTION_ROWS
from bench.record.results.training.facts import PlannedCounts
from bench.run.estimate.memory.from_shapes import training_memory
from bench.run.estimate.memory.on_processor import StepMemory
from bench.run.estimate.speed.past_speeds import History
from bench.run.estimate.speed.timing import Timing, Timings

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
    seconds_from: Literal["history", "probe"] | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCosts:
    """What jobs take."""

    history: History
    timings: Timings | None
    """`None`: nothing is timed."""
    steps: Mapping[str, StepMemory]
    """Memory on a processor by arm, as counted from shapes."""
    tell: Callable[[str], None]

    def training(self, job: TrainJob, counts: PlannedCounts, *, to_do: bool) -> TrainingCost:
        """Time and memory of one training. `to_do`: it is worth timing."""
        speed, timing = self.history.tokens_per_second(job), None
        if speed is None and to_do and self.timings is not None:
            self.tell(f"timing a few steps of {job.arm}")
            step = self.steps.get(job.arm)
            timing = self.timings.training(job, counts, counted_bytes=None if step is None else step.total)
        seconds, source = _training_seconds(job, counts, speed, timing)
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
        seconds = timing.start + timing.seconds_per_unit * timing.examples
        peak = timing.peak_bytes if device() == "cpu" else None
        return EvalCost(seconds=seconds, seconds_from="probe", memory_bytes=peak)

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


def _training_seconds(
    job: TrainJob, counts: PlannedCounts, speed: float | None, timing: Timing | None
) -> tuple[float, Literal["history", "probe", "rough"]]:
    """Seconds of one training by the `speed` of earlier ones, else by the `timing`, and which of them it was."""
    if speed is not None:
        return START_SECONDS + counts.tokens / speed, "history"
    if timing is not None:
        forward = 2 * counts.parameters / (4 * counts.parameters + 2 * counts.trainable_parameters)  # of a slot's time
        return timing.start + timing.seconds_per_unit * (counts.slots + CHECK_SLOTS * forward), "probe"
    return START_SECONDS + _rough_seconds(counts) / job.recipe.processes, "rough"


def _rough_seconds(counts: PlannedCounts) -> float:
    trained = rough_seconds(parameters=counts.parameters, trained=counts.trainable_parameters, slots=counts.slots)
    return trained + rough_seconds(parameters=counts.parameters / 2, trained=0, slots=CHECK_SLOTS)


def rough_seconds(*, parameters: float, trained: float, slots: float) -> float:
    """Seconds of training on `slots` by one worker of this device: two operations per parameter and slot forward, two
    for the gradients that flow, two for the trained weights' own."""
    return (4 * parameters + 2 * trained) * slots / _ROUGH_FLOPS_PER_SECOND[device().partition(":")[0]]
