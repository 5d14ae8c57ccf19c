"""Jobs that score trainings over their steps, and what chooses the step that a training keeps."""

from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import KeepBest, TrainJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.run.plan.digests import trajectory_digest
from bench.run.plan.jobs.context import PlanContext
from bench.run.plan.jobs.evals import eval_job
from bench.suite.resolved import ResolvedModel
from bench.suite.tables.training.sweep import DEV


def trajectory_jobs(
    context: PlanContext, subject: str, model: ResolvedModel, training: TrainJob | None
) -> list[TrajectoryJob]:
    """The stored steps of a training, or a base (`training` is `None`), on the dev examples of each eval. A program
    with a process of its own stores none."""
    suite, jobs = context.resolved.suite, list[TrajectoryJob]()
    if training is not None and training.recipe.by_program:
        return jobs
    for spec in suite.evals_at_steps():
        scoring = eval_job(context, spec, subject, model, part="dev", made=training)
        assert suite.evaluate_at is not None, "it names the evals"
        jobs.append(
            TrajectoryJob(
                scoring=scoring,
                scored_in_training=training is not None and spec.name == suite.evaluate_at.keep_eval,
                digest=trajectory_digest(scoring=scoring.digest, code=context.code),
            )
        )
    return jobs


def keep_best(context: PlanContext, model: ResolvedModel) -> tuple[KeepBest, EvalJob] | None:
    """What chooses the step that a training of `model` keeps, and the eval that scores a step; `None`: its last."""
    suite = context.resolved.suite
    asked = suite.evaluate_at
    chosen_by = next((s for s in suite.evals_at_steps() if asked is not None and s.name == asked.keep_eval), None)
    if asked is None or chosen_by is None:
        return None
    scoring = eval_job(context, chosen_by, DEV, model, part="dev")
    return KeepBest(scored_by=scoring.digest, patience=asked.patience), scoring
