"""Jobs with their results, as the record has them; what they brought is copied into the run's folder."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.record.files import LOG, SCORES
from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.eval_job import AnswerJob, EvalJob, ShareJob
from bench.record.jobs.train_job import ProbeJob, SweepJob, TrainJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.record.record import (
    AnswersRecord,
    DeploymentRecord,
    EvaluationRecord,
    Failure,
    JobOutcome,
    JobRecord,
    ProbeRecord,
    ScoredStep,
    ShareRecord,
    SweepRecord,
    TrainingRecord,
    TrajectoryRecord,
)
from bench.record.results.evals.share import ShareResult
from bench.record.results.evals.trajectory import TrajectoryResult, step_scores_file
from bench.record.results.training.deployed import DeployResult
from bench.record.results.training.result import ProbeResult, SweepResult, TrainResult
from bench.record.rundir import RunDirectory, scores_file
from bench.record.store import JobStore
from bench.record.task_names import measures_under_name
from bench.run.plan.types import PlannedJob, outcome_of
from bench.run.recording.copied_files import copy_log, copy_scores, copy_tracking


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecords:
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
                train = store.whole(job.digest, TrainResult) if is_done else _diverged(record, store)
                copy_tracking(job, store, self.directory)
                self.trainings.append(TrainingRecord(arm=job.arm, seed=job.seed, job=record, result=train))
            case SweepJob() as job:
                swept = store.whole(job.digest, SweepResult) if is_done else None
                self.sweeps.append(SweepRecord(arm=job.training.arm, setting=job.setting, job=record, result=swept))
            case ProbeJob() as job:
                probe = store.whole(job.digest, ProbeResult) if is_done else None
                self.probes.append(ProbeRecord(arm=job.training.arm, job=record, result=probe))
            case DeployJob() as job:
                assert planned.arm is not None, "a form of an arm"
                assert planned.seed is not None, "a form of one training"
                form = store.whole(job.digest, DeployResult) if is_done else None
                self.deployments.append(DeploymentRecord(arm=planned.arm, seed=planned.seed, job=record, result=form))
            case TrajectoryJob() as job:
                self.trajectories.append(_trajectory(planned, job, record, store, self.directory))
            case AnswerJob(asking=asking):
                answers = store.eval_result(asking) if is_done else None
                self.answers.append(AnswersRecord(**_asked(planned, asking, record), result=answers))
            case ShareJob(asking=asking) as job:
                share = store.whole(job.digest, ShareResult) if is_done else None
                self.shares.append(ShareRecord(**_asked(planned, asking, record), result=share))
            case EvalJob() as job:
                self.evaluations.append(_evaluation(planned, job, record, store, self.directory))


def _asked(planned: PlannedJob, asking: EvalJob, record: JobRecord) -> dict[str, Any]:
    """Who was asked what, by which job."""
    named = {"subject": asking.subject, "eval": asking.eval.name}
    return {**named, "arm": planned.arm, "seed": planned.seed, "job": record}


def _trajectory(
    planned: PlannedJob, job: TrajectoryJob, record: JobRecord, store: JobStore, directory: RunDirectory
) -> TrajectoryRecord:
    result = store.whole(job.digest, TrajectoryResult) if record.status == "done" else None
    scoring, steps = job.scoring, list[ScoredStep]()
    for point in () if result is None else result.points:
        subject = scoring.subject if planned.arm is None else f"{scoring.subject}@{point.step}"
        scores = scores_file(f"{scoring.eval.name}@dev", subject)
        source = store.folder(job.digest) / step_scores_file(point.step)
        copy_scores(source, directory, scores, spec=scoring.eval)
        steps.append(
            ScoredStep(
                eval=scoring.eval.name,
                subject=subject,
                step=point.step,
                measures=measures_under_name(point.measures, scoring.eval),
                scores=scores,
            )
        )
    return TrajectoryRecord(**_asked(planned, scoring, record), steps=tuple(steps))


def _evaluation(
    planned: PlannedJob, job: EvalJob, record: JobRecord, store: JobStore, directory: RunDirectory
) -> EvaluationRecord:
    result = store.eval_result(job) if record.status == "done" else None
    scores = None
    if result is not None:
        scores = scores_file(job.eval.name, job.subject)
        copy_scores(store.folder(job.digest) / SCORES, directory, scores, spec=job.eval)
    return EvaluationRecord(**_asked(planned, job, record), result=result, scores=scores)


def _diverged(record: JobRecord, store: JobStore) -> TrainResult | None:
    diverged = record.failure is not None and record.failure.kind == "diverged"
    return store.diverged_result(record.digest) if diverged else None


def job_record(
    planned: PlannedJob, outcome: JobOutcome | None, store: JobStore, directory: RunDirectory, *, interrupted: bool
) -> JobRecord:
    """How a job ended, or why it has not; its log is copied into `directory`."""
    job = planned.job
    if outcome is None and planned.cached is not None and not planned.to_do:
        outcome = outcome_of(planned.cached)
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
        **dict(outcome),
        log=copy_log(job.id, _log_of(planned, outcome.started, store), directory),
    )


def _log_of(planned: PlannedJob, started: str | None, store: JobStore) -> Path | None:
    """Log of the job's process; of a job that could not run, the log of the attempt to get its input."""
    if started is not None:
        return store.folder(planned.digest) / LOG
    return None if planned.unavailable is None else Path(planned.unavailable.log)
