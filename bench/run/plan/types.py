"""What a run is going to do: its jobs, each with its place, and what is there already."""

from dataclasses import dataclass
from functools import cached_property

from bench.errors import Problem
from bench.record.jobs.eval_job import AnswerJob, EvalJob
from bench.record.jobs.job import Job
from bench.record.jobs.train_job import ProbeJob, SweepJob, TrainJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.record.record import JobOutcome
from bench.record.store import Manifest
from bench.suite.resolved import Unavailable
from bench.suite.resolved_suite import ResolvedSuite


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEntry:
    """One job of a suite, with the jobs that it needs."""

    job: Job
    after: tuple[str, ...]
    """Digests of the jobs whose results it reads."""
    arm: str | None
    """`None` for a base."""
    seed: int | None
    """`None` for what belongs to no seed."""


def outcome_of(manifest: Manifest) -> JobOutcome:
    """The outcome of a job whose result is there already."""
    kept = {"started", "seconds", "alone", "node", "machine"}
    return JobOutcome(reused=True, **manifest.model_dump(include=kept))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJob:
    """One job with its place in the run."""

    job: Job
    arm: str | None
    """`None` for the base."""
    seed: int | None
    after: tuple[str, ...]
    """Digests of jobs that must be done before."""
    exclusive: bool
    """Has the machine to itself; a probe that `takes_turns` from its turn on."""
    selected: bool
    """Asked for in this run."""
    fresh: bool
    """Runs even if it is cached."""
    cached: Manifest | None
    """Manifest of an earlier run's result; `None` if there is none."""
    rank: int
    """Order of starting, as far as needs allow."""
    unavailable: Unavailable | None = None
    """Why it cannot run: an input of its own, or of a job that it needs, is unavailable."""
    refusal: Problem | None = None
    """Why it cannot run: its model cannot do what its recipe asks for, or that of a training that it needs."""

    @property
    def digest(self) -> str:
        """The job's digest."""
        return self.job.digest

    @property
    def eval_job(self) -> EvalJob | None:
        """The job as one that asks an eval, also where its answers are for a judge; `None` of any other job."""
        job = self.job.asking if isinstance(self.job, AnswerJob) else self.job
        return job if isinstance(job, EvalJob) else None

    @property
    def processes(self) -> int:
        """Processes of the job on this machine; each takes the room of one worker."""
        training = self.job.training if isinstance(self.job, SweepJob | ProbeJob) else self.job
        return training.recipe.launch.per_node if isinstance(training, TrainJob) else 1

    @property
    def takes_turns(self) -> bool:
        """Whether it is prepared beside others of its sort, and then waits for its turn to be alone."""
        return isinstance(self.job, ProbeJob) and self.job.takes_turns

    @property
    def may_follow(self) -> bool:
        """Whether it can begin while the training that it needs goes on, and score what that has stored so far."""
        return isinstance(self.job, TrajectoryJob) and not self.job.scored_in_training

    @property
    def to_do(self) -> bool:
        """Whether this run has to execute it."""
        return self.selected and (self.fresh or self.cached is None)

    @property
    def stuck(self) -> bool:
        """Whether it cannot run, for whatever reason."""
        return self.unavailable is not None or self.refusal is not None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All jobs of a suite, those not asked for included."""

    resolved: ResolvedSuite
    jobs: tuple[PlannedJob, ...]
    """Each after those that it needs."""
    workers: int
    threads: int
    """Per worker; trainings in more processes than there are workers have fewer for each."""
    digest: str
    """Digest of the suite's content and of all its jobs; names the run directory."""

    @cached_property
    def to_do(self) -> tuple[PlannedJob, ...]:
        """What this run has to execute, what cannot run included."""
        return tuple(planned for planned in self.jobs if planned.to_do)

    @property
    def trains(self) -> bool:
        """Whether this run has something to train: until then an eval that cannot work costs nothing."""
        return any(isinstance(planned.job, TrainJob | SweepJob | ProbeJob) for planned in self.can_run)

    @cached_property
    def can_run(self) -> tuple[PlannedJob, ...]:
        """What of it has all its inputs, and is not refused."""
        return tuple(planned for planned in self.to_do if not planned.stuck)
