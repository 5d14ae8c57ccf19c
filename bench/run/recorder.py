"""Makes the record of a run from its plan, its outcomes and the store, and brings scores and logs into its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.atomic import write_text
from bench.errors import InputError
from bench.record.contamination import ContaminationRecord
from bench.record.environment import environment, git_state
from bench.record.files import LOG, SCORES, TRACKING_LOGS
from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.eval_job import AnswerJob, EvalJob, ShareJob
from bench.record.jobs.train_job import ProbeJob, SweepJob, TrainJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.record.labels import EvalLabels
from bench.record.look import Look
from bench.record.record import (
    AnswersRecord,
    DeploymentRecord,
    Environment,
    EvaluationRecord,
    Failure,
    GitState,
    JobRecord,
    ProbeRecord,
    Record,
    ScoredStep,
    ShareRecord,
    SweepRecord,
    TrainingRecord,
    TrajectoryRecord,
)
from bench.record.results.evaluation import ScoreRow
from bench.record.results.score_rows import read_scores
from bench.record.results.training import TrainResult
from bench.record.results.trajectory import step_scores_file
from bench.record.rundir import RunDirectory, log_file, scores_file, tracking_folder
from bench.record.store import JobStore
from bench.record.task_names import measures_under_name, rows_under_name, task_of
from bench.run.checks.given_weights import given_records
from bench.run.plan.types import JobOutcome, Plan, PlannedJob
from bench.suite.resolved import ResolvedData, ResolvedModel, Unavailable
from bench.suite.resolved_suite import ResolvedSuite
from bench.suite.tables.evals.eval_spec import EvalSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What a record says of the `bench run` that filled it."""

    created: str
    finished: str | None
    command: tuple[str, ...]
    suite_toml_sha256: str
    environment: Environment
    git: GitState | None
    wall_seconds: float | None

    @classmethod
    def now(cls, plan: Plan, *, command: tuple[str, ...], suite_toml_sha256: str) -> Heading:
        """Heading of a run that begins."""
        return cls(
            created=timestamp(),
            finished=None,
            command=command,
            suite_toml_sha256=suite_toml_sha256,
            environment=environment(workers=plan.workers, threads=plan.threads),
            git=git_state(),
            wall_seconds=None,
        )

    @classmethod
    def of(cls, record: Record) -> Heading:
        """Heading of an earlier run whose record is kept."""
        return cls(**{name: getattr(record, name) for name in cls.__dataclass_fields__})


def timestamp() -> str:
    """Now, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def earlier(directory: RunDirectory, plan: Plan) -> Heading | None:
    """The heading of the finished run of this very digest, if its record is whole."""
    try:
        record = directory.load()
    except InputError:
        return None
    return Heading.of(record) if record.digest == plan.digest and record.finished is not None else None


def make_record(
    plan: Plan,
    outcomes: Mapping[str, JobOutcome],
    heading: Heading,
    *,
    store: JobStore,
    directory: RunDirectory,
    interrupted: bool = False,
    contamination: tuple[ContaminationRecord, ...] = (),
    looks: tuple[Look, ...] = (),
    labels: tuple[EvalLabels, ...] = (),
) -> Record:
    """The record as of now; scores and logs of ended jobs are copied into `directory`."""
    records = _JobRecords(store=store, directory=directory)
    for planned in plan.jobs:
        outcome = outcomes.get(planned.digest)
        records.add(planned, _job_record(planned, outcome, store, directory, interrupted=interrupted))
    return Record(
        created=heading.created,
        finished=heading.finished,
        command=heading.command,
        digest=plan.digest,
        resolved=portable(plan.resolved, Path.cwd()),
        suite_toml_sha256=heading.suite_toml_sha256,
        environment=heading.environment,
        git=heading.git,
        wall_seconds=heading.wall_seconds,
        trainings=tuple(records.trainings),
        probes=tuple(records.probes),
        evaluations=tuple(records.evaluations),
        sweeps=tuple(records.sweeps),
        trajectories=tuple(records.trajectories),
        answers=tuple(records.answers),
        shares=tuple(records.shares),
        deployments=tuple(records.deployments),
        given=given_records(plan.resolved, store.home),
        contamination=contamination,
        looks=looks,
        labels=labels,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _JobRecords:
    """Jobs with their results, by kind, in the plan's order."""

    store: JobStore
    directory: RunDirectory
    trainings: list[TrainingRecord] = field(default_factory=list)
    sweeps: list[SweepRecord] = field(default_factory=list)
    probes: list[ProbeRecord] = field(default_factory=list)
    deployments: list[DeploymentRecord] = field(default_factory=list)
    answers: list[AnswersRecord] = field(default_factory=list)
    shares: list[ShareRecord] = field(default_factory=list)
    trajectories: list[TrajectoryRecord] = field(default_factory=list)
    evaluations: list[EvaluationRecord] = field(default_factory=list)

    def add(self, planned: PlannedJob, record: JobRecord) -> None:
        """Take one more job, with its result if it has one."""
        store, is_done = self.store, record.status == "done"
        match planned.job:
            case TrainJob() as job:
                train = store.train_result(job.digest) if is_done else _diverged(record, store)
                _copy_tracking(job, store, self.directory)
                self.trainings.append(TrainingRecord(arm=job.arm, seed=job.seed, job=record, result=train))
            case SweepJob() as job:
                swept = store.sweep_result(job.digest) if is_done else None
                self.sweeps.append(SweepRecord(arm=job.training.arm, setting=job.setting, job=record, result=swept))
            case ProbeJob() as job:
                probe = store.probe_result(job.digest) if is_done else None
                self.probes.append(ProbeRecord(arm=job.training.arm, job=record, result=probe))
            case DeployJob() as job:
                assert planned.arm is not None, "a form of an arm"
                assert planned.seed is not None, "a form of one training"
                form = store.deploy_result(job.digest) if is_done else None
                self.deployments.append(DeploymentRecord(arm=planned.arm, seed=planned.seed, job=record, result=form))
            case TrajectoryJob() as job:
                self.trajectories.append(_trajectory(planned, job, record, store, self.directory))
            case AnswerJob(asking=asking):
                self.answers.append(
                    AnswersRecord(
                        subject=asking.subject,
                        arm=planned.arm,
                        seed=planned.seed,
                        eval=asking.eval.name,
                        job=record,
                        result=store.eval_result(asking) if is_done else None,
                    )
                )
            case ShareJob(asking=asking) as job:
                self.shares.append(
                    ShareRecord(
                        subject=asking.subject,
                        arm=planned.arm,
                        seed=planned.seed,
                        eval=asking.eval.name,
                        job=record,
                        result=store.share_result(job.digest) if is_done else None,
                    )
                )
            case EvalJob() as job:
                self.evaluations.append(_evaluation(planned, job, record, store, self.directory))


def _trajectory(
    planned: PlannedJob, job: TrajectoryJob, job_record: JobRecord, store: JobStore, directory: RunDirectory
) -> TrajectoryRecord:
    result = store.trajectory_result(job.digest) if job_record.status == "done" else None
    scoring, steps = job.scoring, list[ScoredStep]()
    for point in () if result is None else result.points:
        subject = scoring.subject if planned.arm is None else f"{scoring.subject}@{point.step}"
        scores = scores_file(f"{scoring.eval.name}@dev", subject)
        source = store.folder(job.digest) / step_scores_file(point.step)
        _copy_scores(source, directory, scores, spec=scoring.eval)
        steps.append(
            ScoredStep(
                eval=scoring.eval.name,
                subject=subject,
                step=point.step,
                measures=measures_under_name(point.measures, scoring.eval),
                scores=scores,
            )
        )
    return TrajectoryRecord(
        subject=scoring.subject,
        arm=planned.arm,
        seed=planned.seed,
        eval=scoring.eval.name,
        job=job_record,
        steps=tuple(steps),
    )


def _evaluation(
    planned: PlannedJob, job: EvalJob, job_record: JobRecord, store: JobStore, directory: RunDirectory
) -> EvaluationRecord:
    result = store.eval_result(job) if job_record.status == "done" else None
    scores = None
    if result is not None:
        scores = scores_file(job.eval.name, job.subject)
        _copy_scores(store.folder(job.digest) / SCORES, directory, scores, spec=job.eval)
    return EvaluationRecord(
        subject=job.subject,
        arm=planned.arm,
        seed=planned.seed,
        eval=job.eval.name,
        job=job_record,
        result=result,
        scores=scores,
    )


def _copy_scores(source: Path, directory: RunDirectory, scores: str, *, spec: EvalSpec) -> None:
    """Bring examples into the run's folder, under the name that the eval has in this run."""
    if _bears_name(source, spec):
        directory.copy_in(source, scores)
    else:
        rows = rows_under_name(read_scores(source), spec)
        write_text(directory.path / scores, "".join(f"{row.model_dump_json()}\n" for row in rows))


def _bears_name(scores: Path, spec: EvalSpec) -> bool:
    """Whether the examples at `scores` have this eval's name; those of one file all have the same."""
    with scores.open(encoding="utf-8") as lines:
        first = next(lines, None)
    return first is None or (task := ScoreRow.model_validate_json(first).task) == task_of(spec, task)


def _copy_tracking(job: TrainJob, store: JobStore, directory: RunDirectory) -> None:
    """Bring TensorBoard's files of a training into a folder with the arm's name, which TensorBoard shows."""
    files = {path.name: path for path in store.folder(job.digest).glob(f"{TRACKING_LOGS}/events.out.tfevents.*")}
    folder = tracking_folder(job.arm, job.seed)
    for name, path in files.items():
        directory.copy_in(path, f"{folder}/{name}")
    for stale in (directory.path / folder).glob("events.out.tfevents.*"):  # of an attempt that was started again
        if stale.name not in files:
            stale.unlink()


def _diverged(job_record: JobRecord, store: JobStore) -> TrainResult | None:
    diverged = job_record.failure is not None and job_record.failure.kind == "diverged"
    return store.diverged_result(job_record.digest) if diverged else None


def _job_record(
    planned: PlannedJob, outcome: JobOutcome | None, store: JobStore, directory: RunDirectory, *, interrupted: bool
) -> JobRecord:
    job = planned.job
    if outcome is None and planned.cached is not None and not planned.to_do:
        outcome = JobOutcome.of(planned.cached)
    if outcome is None:
        stopped = interrupted and planned.selected
        failure = Failure(kind="interrupted", message="the run was stopped before this was done") if stopped else None
        outcome, status = JobOutcome(failure=failure), "pending"
    else:
        status = "done" if outcome.failure is None else "failed"
    return JobRecord(
        id=job.id,
        digest=job.digest,
        status=status,
        reused=outcome.reused,
        failure=outcome.failure,
        started=outcome.started,
        seconds=outcome.seconds,
        alone=outcome.alone,
        node=outcome.node,
        machine=outcome.machine,
        lost_nodes=outcome.lost_nodes,
        log=_log(job.id, _log_of(planned, outcome.started, store), directory),
    )


def _log_of(planned: PlannedJob, started: str | None, store: JobStore) -> Path | None:
    """Log of the job's process; of a job that could not run, the log of the attempt to get its input."""
    if started is not None:
        return store.folder(planned.digest) / LOG
    return None if planned.unavailable is None else Path(planned.unavailable.log)


def _log(job_id: str, source: Path | None, directory: RunDirectory) -> str | None:
    if source is None or not source.is_file():
        return None
    directory.copy_in(source, log_file(job_id))
    return log_file(job_id)


def portable(resolved: ResolvedSuite, root: Path) -> ResolvedSuite:
    """The suite, paths below `root` made relative: a record names what was used, not where somebody's folders are."""

    def shorten(path: str) -> str:
        return Path(path).relative_to(root).as_posix() if Path(path).is_relative_to(root) else path

    def shorten_model(model: ResolvedModel) -> ResolvedModel:
        template = None if model.template is None else shorten(model.template)
        return model.model_copy(
            update={"path": shorten(model.path), "template": template, "unavailable": shorten_why(model.unavailable)}
        )

    def shorten_data(data: ResolvedData) -> ResolvedData:
        return data.model_copy(update={"path": shorten(data.path), "unavailable": shorten_why(data.unavailable)})

    def shorten_why(why: Unavailable | None) -> Unavailable | None:
        return None if why is None else why.model_copy(update={"log": shorten(why.log)})

    return resolved.model_copy(
        update={
            "model": shorten_model(resolved.model),
            "models": {name: shorten_model(model) for name, model in resolved.models.items()},
            "data": {name: shorten_data(data) for name, data in resolved.data.items()},
            "given": {
                arm: tuple(weights.model_copy(update={"path": shorten(weights.path)}) for weights in trainings)
                for arm, trainings in resolved.given.items()
            },
            "tasks_path": {name: shorten(path) for name, path in resolved.tasks_path.items()},
            "judges": {
                name: judge if judge.model is None else judge.model_copy(update={"model": shorten_model(judge.model)})
                for name, judge in resolved.judges.items()
            },
        }
    )
