"""Jobs that train an arm: one for each seed, one for each setting of its sweep, and those that time its first steps."""

from collections.abc import Sequence
from typing import Any

from bench.record.environment import cores
from bench.record.files import WEIGHTS
from bench.record.jobs.planned_training import PlannedTraining
from bench.record.jobs.train_job import Candidate, ProbeJob, SweepJob, TrainJob
from bench.run.plan.digests import probe_digest, sweep_digest, training_digest
from bench.run.plan.jobs.context import PlanContext
from bench.run.plan.jobs.steps import keep_best
from bench.run.resolve.data_specs import sweep_data
from bench.suite.resolved import ResolvedData, ResolvedModel, WarmStart
from bench.suite.tables.arms.arms import ArmRef
from bench.suite.tables.training.sweep import Setting


def sweep_jobs(context: PlanContext, arm: ArmRef) -> list[SweepJob]:
    """One job per setting; none where the recipe has no sweep."""
    suite = context.resolved.suite
    recipe = suite.recipe[arm.recipe]
    if recipe.sweep is None:
        return []
    part, dev = (context.resolved.data[name] for name in sweep_data(arm.data, recipe.sweep.on))
    jobs = []
    for setting in recipe.settings:
        training = training_job(context, arm, suite.seeds[0], data=part, setting=setting)
        digest = sweep_digest(training=training.digest, dev=dev, code=context.code)
        jobs.append(SweepJob(training=training, setting=setting, dev=dev, digest=digest))
    return jobs


def training_job(
    context: PlanContext,
    arm: ArmRef,
    seed: int,
    *,
    sweep: Sequence[SweepJob] = (),
    data: ResolvedData | None = None,
    setting: Setting | None = None,
) -> PlannedTraining:
    """One seed replicate, whose setting is chosen by `sweep`; with `setting`, a training of that sweep on `data`."""
    suite, model = context.resolved.suite, _model(context, arm, seed)
    recipe = context.recipe_of(arm)
    recipe = recipe if setting is None else recipe.with_setting(setting)
    last_alone = setting is not None or recipe.by_program  # a sweep's training, and a program's
    asked = None if last_alone else suite.evaluate_at
    kept, scoring = (None if asked is None else keep_best(context, model)) or (None, None)
    program = context.resolved.programs.get(arm.recipe, ())
    covered: dict[str, Any] = {  # by the digest, as it is in the job
        "seed": seed,
        "model": model,
        "data": data or context.rows_of(arm, seed),
        "recipe": recipe,
        "budget": suite.budget_of(arm),
        "threads": max(1, cores() // max(context.workers, recipe.launch.per_node)),  # of each process
        "evaluated": None if asked is None else asked.plan,
        "keep_best": kept,
    }
    return context.job_of(
        PlannedTraining,
        recipe,
        model,
        **covered,
        arm=arm.name,
        steps_between_saves=suite.run.steps_between_saves,
        track=suite.run.track,
        log_every=suite.run.log_every or 1,
        scoring=scoring,
        program=program,
        candidates=tuple(
            Candidate(setting=job.setting, digest=job.digest, path=str(context.store.folder(job.digest)))
            for job in sweep
        ),
        planned_by=context.planner,
        digest=training_digest(
            **covered,
            code=context.code,
            sweep=[job.digest for job in sweep],
            program=[file.sha256 for file in program],
            texts=context.texts,
        ),
    )


def probe_job(context: PlanContext, training: TrainJob, number: int) -> ProbeJob:
    """With the first setting of a sweep: a speed hardly depends on it, and need not wait for the choice."""
    steps = context.resolved.suite.run.probe_steps
    return ProbeJob(
        training=training.from_base().with_setting(training.recipe.settings[0]),
        steps=steps,
        round=number,
        digest=probe_digest(training=training.digest, steps=steps, number=number, code=context.code),
    )


def _model(context: PlanContext, arm: ArmRef, seed: int) -> ResolvedModel:
    """What the arm's training with this seed begins from."""
    suite, model = context.resolved.suite, context.resolved.base_of(arm)
    start = suite.start_of(arm)
    if start is None:
        return model
    own, others = suite.seeds_of(arm.name), suite.seeds_of(start.name)
    other = seed if seed in others and not start.is_given else others[own.index(seed) % len(others)]
    if start.is_given:
        weights = context.resolved.given[start.name][other]
        return _begun(model, WarmStart(arm=start.name, digest=weights.sha256, path=weights.path))
    training = training_job(context, start, other, sweep=sweep_jobs(context, start))
    folder = str(context.store.folder(training.digest) / WEIGHTS)
    return _begun(training.model, WarmStart(arm=start.name, digest=training.digest, path=folder))


def _begun(model: ResolvedModel, start: WarmStart) -> ResolvedModel:
    return model.model_copy(update={"starts": (*model.starts, start)})
