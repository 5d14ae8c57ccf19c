"""What a run will take, arm by arm and eval by eval, before it starts."""

from typing import Literal

from bench.record.results.training.facts import ExactCounts
from bench.run.estimate.changes import NewJobs
from bench.run.estimate.placement.types import Placement
from bench.spec import Spec


class ArmForecast(ExactCounts):
    """One arm's trainings. Counts are per seed."""

    arm: str
    seeds: int
    cached: int
    """Trainings that are there already."""
    sweep: int = 0
    """Trainings of its sweep that would run beside those."""
    settings: tuple[str, ...] = ()
    """Settings that its sweep chooses from; none without a sweep."""
    dev_rows: int = 0
    """Rows by whose loss its sweep chooses; 0 without a sweep."""
    seconds: float
    """Seconds of one training; an estimate."""
    seconds_from: Literal["history", "probe", "rough"]
    """`history`: speed of earlier trainings of this model and recipe here; `probe`: of a few steps, timed for this;
    `rough`: operations over an assumed rate."""
    memory_bytes: int
    """Peak of one training: of one GPU's tensors, or of all its processes on a processor, libraries included."""
    memory_from: Literal["history", "probe", "shapes"]
    """`history`: highest of earlier trainings of this model and recipe here; `probe`: of a few steps with the largest
    pass; `shapes`: counted from shapes (`memory/on_processor.py`, on a GPU `memory/from_shapes.py`)."""


class EvalForecast(Spec):
    """One eval over all subjects."""

    eval: str
    subjects: int
    cached: int
    seconds: float | None
    """Seconds of one subject, without what it takes beside its scoring; `None` where it was never timed here and could
    not be."""
    seconds_from: Literal["history", "probe"] | None = None
    """`history`: earlier results of this eval here; `probe`: some examples of the base, timed for this."""
    memory_bytes: int | None = None
    """Peak of one subject: of a GPU's tensors, or of the process on a processor; `None` where it was not measured."""


class SubjectForecast(Spec):
    """What subjects of one kind take beside their scoring."""

    kind: str
    """`base`, the method of a recipe, or how weights are given."""
    subjects: int
    to_load: int
    """Subjects that a run loads: once each, and again where a worker would be idle otherwise."""
    to_compare: int
    """Evals of a run that compare one with its base, by the drift of its next tokens."""
    load_seconds: float | None
    """Seconds of one load; `None` where it is not known."""
    comparison_seconds: float | None
    """Seconds of one comparison; `None` where it is not known."""
    seconds_from: Literal["history", "probe"] | None = None
    """`history`: earlier evals of this kind here; `probe`: of weights of the same shape, loaded for this."""
    load_memory_bytes: int | None = None
    """Peak of a load, of the process on a processor; `None` where it was not measured."""
    comparison_memory_bytes: int | None = None
    """Peak of a comparison likewise."""

    @property
    def seconds(self) -> float:
        """Seconds that a run spends on all of them, as far as they are known."""
        return self.to_load * (self.load_seconds or 0.0) + self.to_compare * (self.comparison_seconds or 0.0)


class Forecast(Spec):
    """What `bench plan` says."""

    suite: str
    profile: str | None
    model: str
    device: str
    workers: int
    threads: int
    """Per worker."""
    budgets_match: bool
    budget: str
    """The sentence on the arms' budgets."""
    jobs: int
    to_run: int
    cached: int
    arms: tuple[ArmForecast, ...]
    evals: tuple[EvalForecast, ...]
    subjects: tuple[SubjectForecast, ...] = ()
    """What the evals' subjects take beside their scoring, by kind."""
    seconds: float
    """Seconds of the whole run, over the workers, without the evals in `untimed`."""
    untimed: tuple[str, ...] = ()
    """Evals to run whose time is not known."""
    training_tokens: int
    """Non-padding tokens of the trainings that would run."""
    disk_bytes: int
    """Bytes that the run takes at the least: weights, checkpoints, results (`bench.run.estimate.disk`)."""
    disk_free_bytes: int | None
    """Where it takes them; `None` where the system does not say."""
    new: tuple[NewJobs, ...] = ()
    """Why jobs are new that have an earlier one of their name."""
    precisions: tuple[str, ...] = ()
    """A sentence for each base whose trainings leave their precision to `auto`: which it is, and why."""
    warnings: tuple[str, ...] = ()
    """What the user should know before (`bench.run.checks.warnings`)."""
    advice: tuple[str, ...] = ()
    """What would make the run faster or smaller, each with its key and a ratio (`bench.run.estimate.advice.advice`)."""
    placement: Placement | None = None
    """The trainings on a cluster that was asked about; `None` where none was."""
    may_buy: tuple[str, ...] = ()
    """What `bench run --until-decided` may add to this run, by arm and eval."""
    unavailable: tuple[str, ...] = ()
    """A sentence for each input that is unavailable. What needs it is in no count but `jobs`."""
    refused: tuple[str, ...] = ()
    """A sentence for each recipe that a model cannot do. What needs it is in no count but `jobs`."""
