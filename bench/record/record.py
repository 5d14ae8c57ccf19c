"""`record.json`: everything a finished (or interrupted) run knows, from which every report is drawn."""

from typing import Final, Literal

from bench.record.contamination import ContaminationRecord
from bench.record.given_facts import GivenFacts
from bench.record.labels import EvalLabels
from bench.record.look import Look
from bench.record.machine import Machine
from bench.record.results.evals.evaluation import EvalResult, Measure
from bench.record.results.evals.share import ShareResult
from bench.record.results.evals.trajectory import headline
from bench.record.results.training.deployed import DeployResult
from bench.record.results.training.result import ProbeResult, SweepResult, TrainResult
from bench.spec import Spec
from bench.suite.resolved_suite import ResolvedSuite
from bench.suite.tables.training.sweep import Setting

FORMAT_VERSION: Final = 2

FailureKind = Literal[
    "out_of_memory",
    "exception",
    "killed",
    "crashed",
    "timeout",
    "diverged",
    "dependency",
    "interrupted",
    "refused",
    "unavailable",
]
"""`unavailable`: rows, a model, a hub or an endpoint that the job needs could not be had, and may be had later."""


class Failure(Spec):
    """Why a job has no result."""

    kind: FailureKind
    message: str
    """One line for the report's cell."""


class JobOutcome(Spec):
    """How one digest ended in a run: done without a `failure`, else failed."""

    failure: Failure | None = None
    reused: bool = False
    """Whether an earlier result, or a job of the same digest, gave the result."""
    started: str | None = None
    """ISO 8601, UTC; `None` where no process started."""
    seconds: float | None = None
    """Wall time, process start included; `None` where no process started."""
    alone: bool | None = None
    """Whether no other job of the run that made its result ran beside it; `None` of a job that never ran."""
    node: str | None = None
    """Name of the machine that did it; `None`: the one that the run was started on."""
    machine: Machine | None = None
    """What that machine is; `None` of a job that never ran, and in records of older versions."""
    lost_nodes: tuple[str, ...] = ()
    """Machines that went away while they did it, in this run."""


class JobRecord(JobOutcome):
    """How one job ended."""

    id: str
    digest: str
    status: Literal["done", "failed", "pending"]
    log: str | None = None
    """Relative to the run directory."""


class TrainingRecord(Spec):
    """One seed replicate with its result, or none if it failed."""

    arm: str
    seed: int
    job: JobRecord
    result: TrainResult | None


class SweepRecord(Spec):
    """One setting of an arm's sweep."""

    arm: str
    setting: Setting
    job: JobRecord
    result: SweepResult | None


class ProbeRecord(Spec):
    """The lone timing of one arm."""

    arm: str
    job: JobRecord
    result: ProbeResult | None


class DeploymentRecord(Spec):
    """One training in a deployed form."""

    arm: str
    """`ARM:FORM`."""
    seed: int
    job: JobRecord
    result: DeployResult | None


class AskedRecord(Spec):
    """One job that asks one subject an eval."""

    subject: str
    arm: str | None
    """`None` for a base."""
    seed: int | None
    eval: str
    job: JobRecord


class EvaluationRecord(AskedRecord):
    """One subject on one eval, or none if it failed."""

    result: EvalResult | None
    scores: str | None
    """`scores/EVAL/SUBJECT.jsonl`, relative to the run directory."""


class ScoredStep(Spec):
    """One step of a training on the dev examples of one eval."""

    eval: str
    subject: str
    """`ARM#SEED@STEP`, or a base."""
    step: int
    """0 of a base."""
    measures: tuple[Measure, ...]
    scores: str
    """`scores/EVAL/SUBJECT.jsonl`, relative to the run directory; rows without texts."""

    @property
    def value(self) -> float | None:
        """Headline score, over several tasks their mean."""
        return headline(self.measures)

    @property
    def dev_eval(self) -> str:
        """Name of the eval's dev examples: `EVAL@dev`."""
        return f"{self.eval}@dev"

    def reaches(self, value: float) -> bool:
        """Whether the score is as good as `value`, or better."""
        score, higher = self.value, all(measure.higher_is_better for measure in self.measures if measure.headline)
        return score is not None and (score >= value if higher else score <= value)


class TrajectoryRecord(AskedRecord):
    """One training over its stored steps, or its base, on the dev examples of one eval."""

    steps: tuple[ScoredStep, ...]
    """Ascending; empty if it failed."""


class AnswersRecord(AskedRecord):
    """One subject's answers for a judge, which a judge eval's evaluation rests on."""

    result: EvalResult | None


class ShareRecord(AskedRecord):
    """One share of an eval's questions to one subject, whose replies the eval's own job scored."""

    result: ShareResult | None


class GivenRecord(Spec):
    """One training that was made elsewhere."""

    arm: str
    seed: int
    """Its position among the arm's trainings."""
    source: str
    """Folder or hub id, as the suite gave it."""
    sha256: str
    facts: GivenFacts


class Environment(Spec):
    """The machine and the libraries."""

    python: str
    platform: str
    processor: str
    cores: int
    memory_bytes: int
    device: str
    """`cpu`, `cuda: NAME`, `mps`."""
    versions: dict[str, str]
    """Versions of the libraries that compute, by distribution name."""
    workers: int
    threads: int
    """Per worker."""


class GitState(Spec):
    """State of the checkout that ran."""

    commit: str
    dirty: bool


class Heading(Spec):
    """What a record says of the `bench run` that filled it."""

    created: str
    """ISO 8601, UTC: when this run started."""
    finished: str | None
    command: tuple[str, ...]
    """Command line as typed, from `bench` on."""
    suite_toml_sha256: str
    environment: Environment
    git: GitState | None
    wall_seconds: float | None
    """Wall time of the latest `bench run` that filled this record, from command to record."""


class Record(Heading):
    """The one versioned record of a run."""

    format_version: Literal[2] = FORMAT_VERSION
    digest: str
    """Digest of the resolved suite; its first 8 characters name the run directory."""
    resolved: ResolvedSuite
    trainings: tuple[TrainingRecord, ...]
    probes: tuple[ProbeRecord, ...]
    evaluations: tuple[EvaluationRecord, ...]
    sweeps: tuple[SweepRecord, ...] = ()
    """One per arm with a sweep and rate."""
    trajectories: tuple[TrajectoryRecord, ...] = ()
    """One per training, or base, and eval of `evaluate_at`."""
    answers: tuple[AnswersRecord, ...] = ()
    """One per subject of a judge eval."""
    shares: tuple[ShareRecord, ...] = ()
    """One per share of an eval's questions and subject, where they were shared out in this run."""
    deployments: tuple[DeploymentRecord, ...] = ()
    """One per training and form that it is shipped in."""
    labels: tuple[EvalLabels, ...] = ()
    """People's labels of judged pairs."""
    looks: tuple[Look, ...] = ()
    """Looks at the same question with other seeds, before this run."""
    given: tuple[GivenRecord, ...] = ()
    """One per training that was made elsewhere."""
    contamination: tuple[ContaminationRecord, ...] = ()
    """Data × eval; empty while the run is not at its end."""

    @property
    def jobs(self) -> tuple[JobRecord, ...]:
        """Every job of the run: sweeps, trainings, probes, forms, steps, answers, shares of evals, evaluations."""
        made: tuple[SweepRecord | TrainingRecord | ProbeRecord | DeploymentRecord, ...]
        made = (*self.sweeps, *self.trainings, *self.probes, *self.deployments)
        scored: tuple[TrajectoryRecord | AnswersRecord | ShareRecord | EvaluationRecord, ...]
        scored = (*self.trajectories, *self.answers, *self.shares, *self.evaluations)
        return tuple(entry.job for entry in (*made, *scored))

    @property
    def all_done(self) -> bool:
        """Whether every job has its result."""
        return all(job.status == "done" for job in self.jobs)
