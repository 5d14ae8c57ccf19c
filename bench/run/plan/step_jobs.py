"""Jobs that score trainings over their steps, and what of an eval they leave to the arms' own scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from bench.record.jobs.eval_job import EvalJob, ExamplePart
from bench.record.jobs.train_job import KeepBest, TrainJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.run.plan.digests import trajectory_digest
from bench.suite.resolved import ResolvedModel
from bench.suite.tables.evals import EvalSpec
from bench.suite.tables.suite import Suite
from bench.suite.tables.training.sweep import DEV

if TYPE_CHECKING:
    from bench.run.plan.job_builder import JobBuilder


def trajectory_jobs(
    builder: JobBuilder, subject: str, model: ResolvedModel, training: TrainJob | None
) -> list[TrajectoryJob]:
    """The stored steps of a training, or a base (`training` is `None`), on the dev examples of each eval. A program of
    the user's own stores none."""
    suite, jobs = builder.resolved.suite, list[TrajectoryJob]()
    if training is not None and training.recipe.command is not None:
        return jobs
    for spec in suite.evals_at_steps():
        scoring = builder.eval_job(spec, subject, model, part="dev", made=training)
        assert suite.evaluate_at is not None, "it names the evals"
        jobs.append(
            TrajectoryJob(
                scoring=scoring,
                scored_in_training=training is not None and spec.name == suite.evaluate_at.keep_eval,
                digest=trajectory_digest(scoring=scoring.digest, code=builder.code),
            )
        )
    return jobs


def keep_best(builder: JobBuilder, model: ResolvedModel) -> tuple[KeepBest, EvalJob] | None:
    """What chooses the step that a training of `model` keeps, and the eval that scores a step; `None`: its last."""
    suite = builder.resolved.suite
    asked = suite.evaluate_at
    chosen_by = next((s for s in suite.evals_at_steps() if asked is not None and s.name == asked.keep_eval), None)
    if asked is None or chosen_by is None:
        return None
    scoring = builder.eval_job(chosen_by, DEV, model, part="dev")
    return KeepBest(scored_by=scoring.digest, patience=asked.patience), scoring


def example_part(suite: Suite, spec: EvalSpec, which: Literal["dev", "test"]) -> ExamplePart | None:
    """The part of an eval that has dev examples; of any other all."""
    asked = suite.evaluate_at
    if asked is None or spec.name not in asked.evals:
        return None
    return ExamplePart(which=which, dev_share=asked.dev_share)
