"""Which jobs a base, an arm, a given arm and a deployed form have, and what each waits for.

Contract: a job comes after those that it needs.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.eval_job import AnswerJob, EvalJob, Shots
from bench.record.jobs.train_job import TrainJob
from bench.run.plan.jobs.context import PlanContext
from bench.run.plan.jobs.evals import eval_job, served_job
from bench.run.plan.jobs.forms import form_job
from bench.run.plan.jobs.judges import is_asked, judge_entries
from bench.run.plan.jobs.shares import shared_out
from bench.run.plan.jobs.steps import trajectory_jobs
from bench.run.plan.jobs.trainings import probe_job, sweep_jobs, training_job
from bench.run.plan.types import JobEntry
from bench.suite.catalog.answered_in_text import answered_in_text
from bench.suite.resolved import ResolvedModel, ResolvedWeights
from bench.suite.tables.arms.arms import ArmRef, DeployedArm
from bench.suite.tables.arms.given_arm import GIVEN
from bench.suite.tables.evals.eval_spec import EvalSpec
from bench.suite.tables.evals.judge import JudgeSpec
from bench.suite.tables.models.endpoint import EndpointSpec


def all_entries(context: PlanContext) -> list[JobEntry]:
    """Every job: of bases, of arms in their order, of judges."""
    suite, bases = context.resolved.suite, context.resolved.bases()
    entries = [entry for base in suite.base_subjects() for entry in _base(context, base, bases[base])]
    for arm in suite.in_order():
        if isinstance(arm, DeployedArm):
            entries += _deployed(context, arm)
        elif arm.is_given:
            entries += [entry for seed in suite.seeds_of(arm.name) for entry in _given(context, arm, seed)]
        elif not suite.trains(arm):
            entries += [entry for seed in suite.seeds_of(arm.name) for entry in _few_shot(context, arm, seed)]
        else:
            entries += _trained(context, arm)
    return [*entries, *judge_entries(context, entries)]


def _base(context: PlanContext, subject: str, model: ResolvedModel) -> list[JobEntry]:
    """A base's evals, the dev examples included."""
    endpoint = context.resolved.suite.endpoint_of(None, subject)
    if endpoint is not None:
        return _served(context, subject, model, endpoint, arm=None, seed=None)
    evals = _evals(context, subject, model, arm=None, seed=None)
    stored = trajectory_jobs(context, subject, model, None)
    return evals + [JobEntry(job=job, after=(), arm=None, seed=None) for job in stored]


def _few_shot(context: PlanContext, arm: ArmRef, seed: int) -> list[JobEntry]:
    """The evals of the base with rows of the arm's data in its context, drawn with `seed`."""
    size = context.resolved.suite.recipe[arm.recipe].shots
    assert size is not None, "validated"
    shots = Shots(data=context.rows_of(arm, seed), size=size, seed=seed)
    model = context.resolved.base_of(arm)
    return _evals(context, f"{arm.name}#{seed}", model, arm=arm.name, seed=seed, shots=shots)


def _given(context: PlanContext, arm: ArmRef, seed: int) -> list[JobEntry]:
    """The evals of one training that was made elsewhere, or of an endpoint."""
    subject, model = f"{arm.name}#{seed}", context.resolved.base_of(arm)
    endpoint = context.resolved.suite.endpoint_of(arm)
    if endpoint is not None:
        return _served(context, subject, model, endpoint, arm=arm.name, seed=seed)
    weights = context.resolved.given[arm.name][seed]
    return _evals(context, subject, model, arm=arm.name, seed=seed, given=weights)


def _deployed(context: PlanContext, arm: DeployedArm) -> list[JobEntry]:
    """For each training of an arm: the job that writes it in a form, and the evals of that; of a server the evals."""
    entries = list[JobEntry]()
    endpoint = context.resolved.suite.endpoint_of(arm)
    sweep = [] if arm.is_given else sweep_jobs(context, arm)
    for seed in context.resolved.suite.seeds_of(arm.name):
        if endpoint is not None:
            model = context.resolved.base_of(arm)
            entries += _served(context, f"{arm.name}#{seed}", model, endpoint, arm=arm.name, seed=seed)
            continue
        if arm.is_given:
            job, after = form_job(context, arm, seed, context.resolved.given[arm.trained][seed]), tuple[str, ...]()
        else:
            training = training_job(context, arm, seed, sweep=sweep)
            job, after = form_job(context, arm, seed, training), (training.digest, *_starts(training))
        entries.append(JobEntry(job=job, after=after, arm=arm.name, seed=seed))
        entries += _evals(context, job.subject, job.model, arm=arm.name, seed=seed, made=job)
    return entries


def _trained(context: PlanContext, arm: ArmRef) -> list[JobEntry]:
    """All jobs of an arm that trains: its sweep, and a training with its evals for each seed; where jobs run side by
    side, the first of these is timed alone."""
    suite, sweep = context.resolved.suite, sweep_jobs(context, arm)
    timed = range(1, suite.run.probe_rounds + 1) if context.workers > 1 and suite.run.probe_steps > 0 else ()
    entries = [JobEntry(job=job, after=_starts(job.training), arm=arm.name, seed=job.training.seed) for job in sweep]
    for seed in suite.seeds_of(arm.name):
        training = training_job(context, arm, seed, sweep=sweep)
        if not training.recipe.by_program and seed == suite.seeds[0]:
            probes = [probe_job(context, training, number) for number in timed]
            entries += [JobEntry(job=job, after=(), arm=arm.name, seed=seed) for job in probes]
        after = (*(job.digest for job in sweep), *_starts(training))
        entries.append(JobEntry(job=training, after=after, arm=arm.name, seed=seed))
        subject, model = f"{arm.name}#{seed}", training.model
        entries += _evals(context, subject, model, arm=arm.name, seed=seed, made=training)
        stored = trajectory_jobs(context, subject, model, training)
        entries += [JobEntry(job=job, after=_needed(training), arm=arm.name, seed=seed) for job in stored]
    return entries


def _evals(
    context: PlanContext,
    subject: str,
    model: ResolvedModel,
    *,
    arm: str | None,
    seed: int | None,
    made: TrainJob | DeployJob | None = None,
    shots: Shots | None = None,
    given: ResolvedWeights | None = None,
) -> list[JobEntry]:
    def scored(spec: EvalSpec) -> EvalJob:
        return eval_job(context, spec, subject, model, made=made, shots=shots, given=given)

    after = () if made is None else _needed(made)
    entries = list[JobEntry]()
    for job in _scored(context.resolved.suite.evals_as_run(), arm, scored):
        scoring, shares = shared_out(context, job)
        entries += [JobEntry(job=share, after=after, arm=arm, seed=seed) for share in shares]
        asked = (*after, *(share.digest for share in shares))
        entries.append(JobEntry(job=scoring, after=asked, arm=arm, seed=seed))
    return entries


def _served(
    context: PlanContext,
    subject: str,
    model: ResolvedModel,
    endpoint: EndpointSpec,
    *,
    arm: str | None,
    seed: int | None,
) -> list[JobEntry]:
    """The evals of a served model that text is enough for; the others have no score of it."""

    def scored(spec: EvalSpec) -> EvalJob:
        return served_job(context, spec, subject, model, endpoint)

    paths = {name: Path(folder) for name, folder in context.resolved.tasks_path.items() if folder is not None}
    specs = [spec for spec in context.resolved.suite.evals_as_run() if answered_in_text(spec, paths.get(spec.name))]
    return [JobEntry(job=job, after=(), arm=arm, seed=seed) for job in _scored(specs, arm, scored)]


def _scored(
    specs: Iterable[EvalSpec], arm: str | None, scored: Callable[[EvalSpec], EvalJob]
) -> Iterator[EvalJob | AnswerJob]:
    """A subject's job for each eval, by `scored`; of a judge's evals, those that it is asked about."""
    for spec in specs:
        if not isinstance(spec, JudgeSpec):
            yield scored(spec)
        elif is_asked(spec, arm):
            asking = scored(spec.asking())
            yield AnswerJob(asking=asking, digest=asking.digest)


def _needed(job: TrainJob | DeployJob) -> tuple[str, ...]:
    """Digests of the jobs without which the subject of `job` cannot be loaded."""
    return (job.digest, *_starts(job))


def _starts(job: TrainJob | DeployJob) -> tuple[str, ...]:
    """Digests of the trainings of this suite whose weights this one begins from."""
    return tuple(start.digest for start in job.model.starts if not start.arm.startswith(f"{GIVEN}/"))
