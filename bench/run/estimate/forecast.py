"""`bench plan`: what a run would do and cost, without doing it.

Counts (rows, steps, tokens) are exact: they come from the schedule that a training would follow. Seconds come from
earlier jobs of the same kind on this machine, else from a short timing of a few steps or examples; memory is
computed from shapes. Both say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.record.environment import device
from bench.record.jobs.eval_job import AnswerJob, EvalJob
from bench.record.jobs.train_job import ProbeJob, SweepJob, TrainJob
from bench.record.results.applied import QUESTION_ROWS, QUESTION_TOKENS
from bench.record.results.facts import ExactCounts
from bench.run.checks.before_work import check_before_work
from bench.run.checks.counts import exact_counts
from bench.run.checks.remarks import plan_remarks
from bench.run.checks.warnings import advice, as_line
from bench.run.estimate.changes import why_new
from bench.run.estimate.disk import free_bytes, needed_bytes
from bench.run.estimate.forecast_types import ArmForecast, EvalForecast, Forecast
from bench.run.estimate.memory import device_memory, model_shape, training_memory
from bench.run.estimate.past_speeds import History
from bench.run.estimate.placement import Workload, place
from bench.run.estimate.timing import Timings
from bench.run.guards import server_ended_on_error
from bench.run.plan.plan import budget_statement, plan
from bench.run.plan.refused import notes as refusal_notes
from bench.run.plan.types import Plan, PlannedJob
from bench.run.plan.unavailable import notes
from bench.run.process.server import ChildServer
from bench.run.resolve.suite import resolve
from bench.suite.catalog.devices import Cluster
from bench.suite.load import LoadedSuite
from bench.suite.tables.evals import examples_asked
from bench.suite.tables.suite import Suite
from bench.suite.tables.training.sweep import setting_label

_ROUGH_FLOPS_PER_SECOND = {"cpu": 2e10, "mps": 1e12, "cuda": 5e13}
"""What small batches reach, per worker; only where no earlier job says better."""
_START_SECONDS = 1.0
_CHECK_SLOTS = 2 * QUESTION_ROWS * QUESTION_TOKENS
"""Forward passes of a trained subject and its base, which show at a training's end that it was applied."""


def forecast(
    loaded: LoadedSuite,
    *,
    only: Sequence[str] = (),
    home: Path,
    server: ChildServer | None = None,
    probe: bool = True,
    tell: Callable[[str], None] = lambda doing: None,
    trust_task_code: bool = False,
    on: Cluster | None = None,
) -> Forecast:
    """The forecast of `bench run` with the same arguments. Raises `InputError` as that would, before any work.

    probe: time a few steps or examples of what was never run here. `tell` hears what is being done. `on`: place the
    trainings on this cluster; what this machine cannot do is then no problem, and nothing is timed here.
    """
    server = server or ChildServer()
    with server_ended_on_error(server):
        resolved = resolve(loaded, home=home, server=server, partial=True)
        planned = plan(resolved, only=only, home=home, trust_task_code=trust_task_code)
        if on is None:
            tell("rehearsing the evals")
            planned = check_before_work(planned, home=home, server=server).plan
        tell("counting")
        trainings = _first_trainings(planned)
        counts = exact_counts(trainings, workers=planned.workers, home=home, server=server)
        timings = Timings(home=home, server=server) if probe and on is None else None
        clock = _Clock(history=History.read(home), timings=timings, tell=tell)
        arms = _arms(planned, trainings, counts, clock)
        evals = tuple(_eval(name, jobs, clock) for name, jobs in _by_eval(planned).items())
    suite = loaded.suite
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
        seconds=_total_seconds(planned, arms, evals),
        untimed=tuple(scored.eval for scored in evals if scored.seconds is None and scored.subjects > scored.cached),
        training_tokens=sum(arm.tokens * (arm.seeds - arm.cached + arm.sweep) for arm in arms),
        disk_bytes=needed_bytes(planned),
        disk_free_bytes=free_bytes(home),
        new=why_new(planned, home),
        placement=None if on is None else place([*_workloads(arms, trainings, counts)], on),
        warnings=(*map(as_line, advice(loaded)), *plan_remarks(planned, trainings, counts), *_data_remarks(planned)),
        unavailable=notes(planned),
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
    arms: Sequence[ArmForecast], trainings: Mapping[str, TrainJob], counts: Mapping[str, ExactCounts]
) -> Iterator[Workload]:
    """The trainings to run of each arm, by their shapes."""
    for arm in arms:
        job, shape = trainings[arm.arm], model_shape(Path(trainings[arm.arm].model.path))
        memory = device_memory(job, counts[arm.arm])
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    """How long jobs take: from earlier ones, else timed for this."""

    history: History
    timings: Timings | None
    tell: Callable[[str], None]

    def training(
        self, job: TrainJob, counts: ExactCounts, *, to_do: bool
    ) -> tuple[float, Literal["history", "probe", "rough"]]:
        """Seconds of one training, and what says so."""
        speed = self.history.tokens_per_second(job)
        if speed is not None:
            return _START_SECONDS + counts.tokens / speed, "history"
        if to_do and self.timings is not None:
            self.tell(f"timing a few steps of {job.arm}")
            timing = self.timings.training(job, counts)
            if timing is not None:
                return timing.start + timing.seconds_per_unit * (counts.slots + _CHECK_SLOTS / 3), "probe"
        return _START_SECONDS + _rough_seconds(counts) / job.recipe.processes, "rough"

    def evaluation(
        self, job: EvalJob | AnswerJob, *, to_do: bool
    ) -> tuple[float, Literal["history", "probe"]] | tuple[None, None]:
        """Seconds of one subject, and what says so."""
        eval_job = job.asking if isinstance(job, AnswerJob) else job
        seconds = self.history.eval_seconds(eval_job)
        if seconds is not None:
            return seconds, "history"
        if to_do and self.timings is not None:
            self.tell(f"timing some examples of {eval_job.eval.name}")
            timing = self.timings.evaluation(job)
            if timing is not None and timing.examples is not None:
                return timing.start + timing.seconds_per_unit * timing.examples, "probe"
        return None, None


def _arms(
    planned: Plan, trainings: Mapping[str, TrainJob], counts: Mapping[str, ExactCounts], clock: _Clock
) -> tuple[ArmForecast, ...]:
    seeds, sweeps = dict[str | None, list[PlannedJob]](), dict[str | None, list[PlannedJob]]()
    for planned_job in planned.jobs:
        if planned_job.selected and not planned_job.stuck:
            if isinstance(planned_job.job, TrainJob):
                seeds.setdefault(planned_job.arm, []).append(planned_job)
            elif isinstance(planned_job.job, SweepJob):
                sweeps.setdefault(planned_job.arm, []).append(planned_job)
    return tuple(_arm(job, seeds[arm], sweeps.get(arm, ()), counts[arm], clock) for arm, job in trainings.items())


def _arm(
    job: TrainJob,
    seeds: Sequence[PlannedJob],
    sweep: Sequence[PlannedJob],
    counts: ExactCounts,
    clock: _Clock,
) -> ArmForecast:
    """`job`: the training with the first of `seeds`."""
    cached = sum(not training.to_do for training in seeds)
    to_do = sum(training.to_do for training in sweep)
    settings = [training.job for training in sweep if isinstance(training.job, SweepJob)]
    seconds, source = clock.training(job, counts, to_do=cached < len(seeds) or to_do > 0)
    return ArmForecast(
        arm=job.arm,
        seeds=len(seeds),
        cached=cached,
        sweep=to_do,
        settings=tuple(setting_label(training.setting) for training in settings),
        dev_rows=settings[0].dev.rows if settings else 0,
        seconds=seconds,
        seconds_from=source,
        memory_bytes=training_memory(job, counts, device=device().partition(":")[0]),
        **counts.model_dump(),
    )


def _eval(name: str, jobs: Sequence[PlannedJob], clock: _Clock) -> EvalForecast:
    job = jobs[0].job  # the base's, where there is one on this machine: servers take the time that they take
    assert isinstance(job, EvalJob | AnswerJob), "grouped by eval"
    cached = sum(not job.to_do for job in jobs)
    seconds, source = clock.evaluation(job, to_do=cached < len(jobs))
    return EvalForecast(eval=name, subjects=len(jobs), cached=cached, seconds=seconds, seconds_from=source)


def _total_seconds(planned: Plan, arms: Sequence[ArmForecast], evals: Sequence[EvalForecast]) -> float:
    room = {job.arm: min(job.processes, planned.workers) for job in planned.jobs if isinstance(job.job, TrainJob)}
    training = sum(arm.seconds * room[arm.arm] * (arm.seeds - arm.cached + arm.sweep) for arm in arms)
    evaluating = sum((forecasted.seconds or 0.0) * (forecasted.subjects - forecasted.cached) for forecasted in evals)
    alone, by_name = 0.0, {arm.arm: arm for arm in arms}
    for planned_job in planned.can_run:
        if isinstance(planned_job.job, ProbeJob):
            arm = by_name[planned_job.job.training.arm]
            alone += _START_SECONDS + arm.seconds * min(1.0, planned_job.job.steps / max(1, arm.steps))
    return (training + evaluating) / planned.workers + alone


def _rough_seconds(counts: ExactCounts) -> float:
    """Two operations per parameter and slot forward, two for the gradients that flow, two for trained weights' own."""
    per_slot = 4 * counts.parameters + 2 * counts.trainable_parameters
    operations = per_slot * counts.slots + 2 * counts.parameters * _CHECK_SLOTS
    return operations / _ROUGH_FLOPS_PER_SECOND[device().partition(":")[0]]
