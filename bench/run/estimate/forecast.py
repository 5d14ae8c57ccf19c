"""`bench plan`: what a run would do and cost, without doing it.

Counts (rows, steps, tokens) are exact: they come from the schedule that a training would follow. Seconds come from
earlier jobs of the same kind on this machine, else from a short timing of a few steps or examples; memory is
computed from shapes. Both say so.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from bench.places import INSTALLED
from bench.record.environment import device
from bench.record.jobs.eval_job import AnswerJob, EvalJob
from bench.record.jobs.train_job import ProbeJob, SweepJob, TrainJob
from bench.record.results.training.facts import PlannedCounts
from bench.record.rundir import RunDirectory
from bench.run.checks.before_work import CheckedPlan, checked_plan
from bench.run.checks.counts import exact_counts
from bench.run.checks.remarks import plan_remarks
from bench.run.checks.warnings import advice, as_line
from bench.run.estimate.advice.advice import begin_advice, speed_advice
from bench.run.estimate.advice.engine_advice import engine_advice
from bench.run.estimate.changes import why_new
from bench.run.estimate.disk import free_bytes, needed_bytes
from bench.run.estimate.forecast_types import ArmForecast, EvalForecast, Forecast, SubjectForecast
from bench.run.estimate.job_costs import START_SECONDS, JobCosts, SubjectCost
from bench.run.estimate.memory.from_shapes import device_memory, model_shape
from bench.run.estimate.memory.limit import memory_remarks
from bench.run.estimate.memory.on_devices import made_on_devices
from bench.run.estimate.memory.on_processor import step_memory
from bench.run.estimate.placement.placement import Workload, place
from bench.run.estimate.speed.engine_start import start_seconds
from bench.run.estimate.speed.past_speeds import History
from bench.run.estimate.speed.scored_steps import steps_forecast
from bench.run.estimate.speed.subject_kinds import SubjectKind, subject_kinds
from bench.run.estimate.speed.timing import Timings
from bench.run.guards import server_ended_on_error
from bench.run.hints import hint_file, leave
from bench.run.plan.engine_notes import engine_notes
from bench.run.plan.plan import budget_statement
from bench.run.plan.refused import notes as refusal_notes
from bench.run.plan.types import Plan, PlannedJob
from bench.run.plan.unavailable import notes
from bench.run.process.server import ChildServer
from bench.run.resolve.precision import precision_notes
from bench.suite.catalog.devices import Cluster
from bench.suite.load import LoadedSuite
from bench.suite.tables.evals.eval_spec import examples_asked
from bench.suite.tables.suite import Suite
from bench.suite.tables.training.sweep import setting_label


def forecast(
    loaded: LoadedSuite,
    *,
    only: Sequence[str] = (),
    home: Path,
    reports: Path | None = None,
    server: ChildServer | None = None,
    probe: bool = True,
    tell: Callable[[str], None] = lambda doing: None,
    trust_task_code: bool = False,
    on: Cluster | None = None,
) -> Forecast:
    """The forecast of `bench run` with the same arguments. Raises `InputError` as that would, before any work.

    reports: where the suite's earlier runs are, with which new jobs are compared. probe: time a few steps or examples
    of what was never run here. `tell` hears what is being done. `on`: place the trainings on this cluster; what this
    machine cannot do is then no problem, and nothing is timed here.
    """
    server, hint = server or ChildServer(), hint_file("planned", loaded, only, home)
    with server_ended_on_error(server):
        if not hint.exists():
            server.warm()  # its imports overlap with resolving
        tell("looking at inputs, rehearsing the evals")
        checked = checked_plan(
            loaded, only=only, home=home, server=server, trust_task_code=trust_task_code, here=not on
        )
        planned = checked.plan
        tell("counting")
        trainings = _first_trainings(planned)
        counts = exact_counts(trainings, workers=planned.workers, home=home, server=server)
        timings = Timings(home=home, server=server) if probe and on is None else None
        if timings is None and on is None:  # else the child would work beside what is timed
            begin_advice(trainings, counts, home=home, server=server)
        steps = step_memory(trainings, counts, home=home, server=server) if device() == "cpu" else {}
        made = made_on_devices(trainings, counts, home=home, server=server) if on else {}
        history = History.read(home)
        costs = JobCosts(history=history, timings=timings, steps=steps, tell=tell)
        kinds = subject_kinds(planned, trainings)
        beside = [*zip(kinds, costs.subjects(kinds), strict=True)]
        costs = dataclasses.replace(costs, checks=_checks(beside))
        arms = _arms(planned, trainings, counts, costs)
        evals = tuple(_eval(name, jobs, costs, away=checked.unavailable) for name, jobs in _by_eval(planned).items())
        if timings is not None:
            timings.end()
        subjects = tuple(_subject(kind, cost) for kind, cost in beside)
        load = max((kind.load_seconds or 0.0 for kind in subjects), default=0.0)
        evals += steps_forecast(planned, evals, {arm.arm: arm.steps for arm in arms}, load=load)
        advised = speed_advice(planned, trainings, counts, arms, home=home, server=server, measure=probe)
        further = () if on else tuple(advised)
    leave(hint)
    remarks = (*map(as_line, advice(loaded)), *plan_remarks(planned, trainings, counts))
    memory = () if on else memory_remarks({arm.arm: arm.memory_bytes for arm in arms}, device())
    return _of_plan(checked, loaded, home, _Expected(arms=arms, evals=evals, subjects=subjects)).model_copy(
        update={
            "new": () if reports is None else why_new(planned, home, _earlier_runs(loaded, reports)),
            "placement": None if on is None else place([*_workloads(arms, trainings, counts, made)], on),
            "warnings": (*_eval_remarks(planned, evals, home, history), *remarks, *memory, *_data_remarks(planned)),
            "advice": further,
        }
    )


def _earlier_runs(loaded: LoadedSuite, reports: Path) -> list[RunDirectory]:
    return RunDirectory.all_of(reports, suite=loaded.suite.name, profile=loaded.profile)


def _eval_remarks(planned: Plan, evals: tuple[EvalForecast, ...], home: Path, history: History) -> tuple[str, ...]:
    """What an engine changes, and where one would pay: one that was added, for a single base."""
    bases = {model.sha256 for model in planned.resolved.bases().values()}
    if len(bases) != 1 or not (home / "engines" / "vllm" / INSTALLED).is_file():
        return engine_notes(planned)
    sha256 = bases.pop()
    loading, speedup = start_seconds(home, sha256), history.engine_speedup(sha256)
    return (*engine_notes(planned), *engine_advice(planned, evals, loading=loading, speedup=speedup))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """What jobs take, in rows of one table each."""

    arms: tuple[ArmForecast, ...]
    evals: tuple[EvalForecast, ...]
    subjects: tuple[SubjectForecast, ...]


def _of_plan(checked: CheckedPlan, loaded: LoadedSuite, home: Path, expected: _Expected) -> Forecast:
    """The forecast without what is to be told besides: placement, warnings, advice, why jobs are new."""
    suite, planned, arms, evals = loaded.suite, checked.plan, expected.arms, expected.evals
    matched, sentence = budget_statement(suite)
    selected = [job for job in planned.jobs if job.selected]
    return Forecast(
        suite=suite.name,
        profile=loaded.profile,
        model=", ".join(dict.fromkeys(model.name for model in planned.resolved.bases().values())),
        device=device(),
        workers=planned.workers,
        threads=planned.threads,
        budgets_match=matched,
        budget=sentence,
        jobs=len(selected),
        to_run=len(planned.can_run),
        cached=len(selected) - len(planned.to_do),
        arms=arms,
        evals=evals,
        subjects=expected.subjects,
        seconds=_total_seconds(planned, expected),
        untimed=tuple(scored.eval for scored in evals if scored.seconds is None and scored.subjects > scored.cached),
        training_tokens=sum(arm.tokens * (arm.seeds - arm.cached + arm.sweep) for arm in arms),
        disk_bytes=needed_bytes(planned),
        disk_free_bytes=free_bytes(home),
        precisions=precision_notes(planned.resolved),
        unavailable=(*notes(planned), *(f"unavailable: {what}" for what in checked.unavailable.values())),
        refused=refusal_notes(planned),
        may_buy=tuple(_may_buy(suite)),
    )


def _may_buy(suite: Suite) -> Iterator[str]:
    """How far `--until-decided` may go for the arms and evals that claims name."""
    if suite.sequential is None:
        return
    named = {side for claim in suite.claim for side in (claim.parts()[0], claim.parts()[2])}
    for arm in suite.expand():
        count = len(suite.seeds_of(arm.name))
        if arm.name in named and not arm.is_given and count < suite.sequential.max_seeds:
            yield f"seeds of {arm.name}: {count} now, {suite.sequential.max_seeds} at most"
    claimed = {claim.eval for claim in suite.claim}
    for spec in suite.eval:
        asked, most = suite.examples_of(spec), suite.sequential.max_examples.get(spec.name)
        if spec.name in claimed and asked is not None and most is not None and asked < most:
            yield f"examples of {spec.name}: {asked:,} now, {most:,} at most, {examples_asked(spec):,} at a time"


def _workloads(
    arms: Sequence[ArmForecast],
    trainings: Mapping[str, TrainJob],
    counts: Mapping[str, PlannedCounts],
    made: Mapping[str, int],
) -> Iterator[Workload]:
    """The trainings to run of each arm, by their shapes. made: bytes that a step of each makes."""
    for arm in arms:
        job, shape = trainings[arm.arm], model_shape(Path(trainings[arm.arm].model.path))
        memory = device_memory(job, counts[arm.arm], made.get(arm.arm))
        packed = job.recipe.packing != "none"
        if arm.seeds - arm.cached + arm.sweep == 0:
            continue
        yield Workload(
            arm=arm.arm,
            trainings=arm.seeds - arm.cached + arm.sweep,
            weights=memory.weights,
            gradients=memory.gradients,
            states=memory.states,
            activations=memory.activations,
            parameters=arm.parameters,
            trained=arm.trainable_parameters,
            embeddings=0 if shape.tied else shape.vocabulary * shape.width,
            width=shape.width,
            layers=shape.layers,
            slots=arm.slots,
            sequence=float(job.recipe.max_length or 0) if packed else arm.slots / max(1, arm.rows),
            steps=arm.steps,
            accumulation=job.recipe.accumulation,
            checkpointing=job.recipe.gradient_checkpointing,
            adapter=job.recipe.adapter is not None,
        )


def _data_remarks(planned: Plan) -> Iterator[str]:
    """What the rows of each table hold that is not used, or was changed."""
    for name, data in planned.resolved.data.items():
        yield from (f"warning: data {name}: {remark}" for remark in data.remarks)


def _first_trainings(planned: Plan) -> dict[str, TrainJob]:
    """By arm, its training with the first seed."""
    trainings: dict[str, TrainJob] = {}
    for job in planned.jobs:
        if job.selected and not job.stuck and isinstance(job.job, TrainJob):
            trainings.setdefault(job.job.arm, job.job)
    return trainings


def _by_eval(planned: Plan) -> dict[str, list[PlannedJob]]:
    evals: dict[str, list[PlannedJob]] = {}
    for job in planned.jobs:
        if not job.selected or job.stuck:
            continue
        if isinstance(job.job, EvalJob):
            evals.setdefault(job.job.eval.name, []).append(job)
        elif isinstance(job.job, AnswerJob):
            evals.setdefault(f"{job.job.asking.eval.name}, answers", []).append(job)
    return evals


def _checks(beside: Sequence[tuple[SubjectKind, SubjectCost]]) -> dict[str, float]:
    """Seconds of the check at the end of a training, by arm: it loads the subject and compares it with its base."""
    return {
        entry.arm: cost.load + cost.comparison
        for kind, cost in beside
        if cost.load is not None and cost.comparison is not None
        for entry in kind.evals
        if entry.arm is not None
    }


def _arms(
    planned: Plan, trainings: Mapping[str, TrainJob], counts: Mapping[str, PlannedCounts], costs: JobCosts
) -> tuple[ArmForecast, ...]:
    seeds, sweeps = dict[str | None, list[PlannedJob]](), dict[str | None, list[PlannedJob]]()
    for planned_job in planned.jobs:
        if planned_job.selected and not planned_job.stuck:
            if isinstance(planned_job.job, TrainJob):
                seeds.setdefault(planned_job.arm, []).append(planned_job)
            elif isinstance(planned_job.job, SweepJob):
                sweeps.setdefault(planned_job.arm, []).append(planned_job)
    return tuple(_arm(job, seeds[arm], sweeps.get(arm, ()), counts[arm], costs) for arm, job in trainings.items())


def _arm(
    job: TrainJob,
    seeds: Sequence[PlannedJob],
    sweep: Sequence[PlannedJob],
    counts: PlannedCounts,
    costs: JobCosts,
) -> ArmForecast:
    """`job`: the training with the first of `seeds`."""
    cached = sum(not training.to_do for training in seeds)
    to_do = sum(training.to_do for training in sweep)
    settings = [training.job for training in sweep if isinstance(training.job, SweepJob)]
    cost = costs.training(job, counts, to_do=cached < len(seeds) or to_do > 0)
    return ArmForecast(
        arm=job.arm,
        seeds=len(seeds),
        cached=cached,
        sweep=to_do,
        settings=tuple(setting_label(training.setting) for training in settings),
        dev_rows=settings[0].dev.rows if settings else 0,
        seconds=cost.seconds,
        seconds_from=cost.seconds_from,
        memory_bytes=cost.memory_bytes,
        memory_from=cost.memory_from,
        **counts.exact,
    )


def _eval(name: str, jobs: Sequence[PlannedJob], costs: JobCosts, *, away: Collection[str]) -> EvalForecast:
    """away: evals whose rows the hub does not give today, which cannot be timed."""
    job = jobs[0].job  # the base's, where there is one on this machine: servers take the time that they take
    assert isinstance(job, EvalJob | AnswerJob), "grouped by eval"
    cached = sum(not job.to_do for job in jobs)
    asked = job.asking if isinstance(job, AnswerJob) else job
    cost = costs.evaluation(job, to_do=cached < len(jobs) and asked.eval.name not in away)
    return EvalForecast(
        eval=name,
        subjects=len(jobs),
        cached=cached,
        seconds=cost.seconds,
        seconds_from=cost.seconds_from,
        memory_bytes=cost.memory_bytes,
    )


def _subject(kind: SubjectKind, cost: SubjectCost) -> SubjectForecast:
    return SubjectForecast(
        kind=kind.name,
        subjects=kind.subjects,
        to_load=kind.to_load,
        to_compare=kind.to_compare,
        load_seconds=cost.load,
        comparison_seconds=cost.comparison,
        seconds_from=cost.seconds_from,
        load_memory_bytes=cost.load_bytes,
        comparison_memory_bytes=cost.comparison_bytes if kind.to_compare else None,
    )


def _total_seconds(planned: Plan, expected: _Expected) -> float:
    room = {job.arm: min(job.processes, planned.workers) for job in planned.jobs if isinstance(job.job, TrainJob)}
    training = sum(arm.seconds * room[arm.arm] * (arm.seeds - arm.cached + arm.sweep) for arm in expected.arms)
    scoring = sum((scored.seconds or 0.0) * (scored.subjects - scored.cached) for scored in expected.evals)
    evaluating = scoring + sum(kind.seconds for kind in expected.subjects)
    alone, by_name = 0.0, {arm.arm: arm for arm in expected.arms}
    for planned_job in planned.can_run:
        if isinstance(planned_job.job, ProbeJob):
            arm = by_name[planned_job.job.training.arm]
            alone += START_SECONDS + arm.seconds * min(1.0, planned_job.job.steps / max(1, arm.steps))
    return (training + evaluating) / planned.workers + alone
