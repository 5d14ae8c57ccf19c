"""What one child process is asked to do, and what it brought back, of any kind.

A job is written as `job.json`, and its `digest` covers all that can change the result; the child writes `result.json`,
and scores beside it as JSON Lines.
"""

from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter

from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.eval_job import AnswerJob, EvalJob, LoadedWeights, ShareJob
from bench.record.jobs.planned_training import PlannedTraining
from bench.record.jobs.train_job import ProbeJob, SweepJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.record.results.evals.evaluation import EvalResult
from bench.record.results.evals.share import ShareResult
from bench.record.results.evals.trajectory import TrajectoryResult
from bench.record.results.training.deployed import DeployResult
from bench.record.results.training.result import ProbeResult, SweepResult, TrainResult

Job = Annotated[
    PlannedTraining | SweepJob | ProbeJob | DeployJob | TrajectoryJob | EvalJob | AnswerJob | ShareJob,
    Field(discriminator="kind"),
]
job_adapter: TypeAdapter[Job] = TypeAdapter(Job, config=ConfigDict(defer_build=True))

JobResult = Annotated[
    TrainResult | SweepResult | ProbeResult | DeployResult | TrajectoryResult | EvalResult | ShareResult,
    Field(discriminator="kind"),
]
result_adapter: TypeAdapter[JobResult] = TypeAdapter(JobResult, config=ConfigDict(defer_build=True))


def loaded_weights(job: Job) -> LoadedWeights | None:
    """What an eval's job loads; jobs of one base may share a process. `None` for all others."""
    return job.weights if isinstance(job, EvalJob | AnswerJob | ShareJob) else None
