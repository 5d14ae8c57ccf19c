"""`bench plan`: what a run would do and cost, without doing it.

Counts (rows, steps, tokens) are exact: they come from the schedule that a training would follow. Seconds come from
earlier jobs of the same kind on this machine where there are any, else from operations over a rough rate; memory is
reckoned from shapes. Both say so.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from bench.atomic import write_text
from bench.errors import BenchError, InputError, Problem
from bench.record.environment import device
from bench.record.eval_job import AnswerJob, EvalJob
from bench.record.train_job import SweepJob, TrainJob
from bench.run.checks.preflight import preflight
from bench.run.checks.warnings import advice, spelt
from bench.run.estimate.disk import free_bytes, needed_bytes
from bench.run.estimate.memory import training_memory
from bench.run.estimate.past_speeds import History
from bench.run.plan.plan import budget_statement, plan
from bench.run.plan.types import Plan, PlannedJob
from bench.run.plan.unavailable import notes
from bench.run.process.server import Child, ChildServer, error_of, failed, stop_all
from bench.run.resolve.suite import resolve
from bench.spec import Spec
from bench.suite.load import LoadedSuite

_ROUGH_FLOPS_PER_SECOND = {"cpu": 2e10, "mps": 1e12, "cuda": 5e13}
"""What small batches reach, per worker; only where no earlier job says better."""
_START_SECONDS = 1.0


class ArmForecast(Spec):
    """One arm's trainings. Counts are per seed."""

    arm: str
    seeds: int
    cached: int
    """Trainings that are there already."""
    sweep: int = 0
    """Trainings of its learning-rate sweep that would run beside those."""
    rows: int
    """Rows seen, repeats counted."""
    steps: int
    tokens: int
    supervised_tokens: int
    slots: int
    truncated_rows: int
    dropped_rows: int
    parameters: int
    trainable_parameters: int
    seconds: float
    """Of one training; an estimate."""
    seconds_from: Literal["history", "rough"]
    """`history`: speed of earlier trainings of this model and recipe here; `rough`: operations over a guessed rate."""
    memory_bytes: int
    """Peak of one training's tensors, as `bench.run.estimate.memory` reckons it: of one GPU, or of all processes on
    a processor. Rough."""


class EvalForecast(Spec):
    """One eval over all subjects."""

    eval: str
    subjects: int
    cached: int
    seconds: float | None
    """Of one subject, from earlier results of this eval here; `None` without any."""


class Forecast(Spec):
    """What `bench plan` says."""

    suite: str
    profile: str | None
    model: str
    device: str
    workers: int
    threads: int
    """Per worker."""
    budgets_match: bool
    budget: str
    """The sentence on the arms' budgets."""
    jobs: int
    to_run: int
    cached: int
    arms: tuple[ArmForecast, ...]
    evals: tuple[EvalForecast, ...]
    seconds: float | None
    """Of the whole run, over the workers; `None` while an eval was never timed here."""
    training_tokens: int
    """Non-padding tokens of the trainings that would run."""
    disk_bytes: int
    """That the run takes at the least: weights, checkpoints, results (`bench.run.estimate.disk`)."""
    disk_free_bytes: int | None
    """Where it takes them; `None` where the system does not say."""
    warnings: tuple[str, ...] = ()
    """What the user should know before (`bench.run.checks.warnings`)."""
    unavailable: tuple[str, ...] = ()
    """A sentence for each input that could not be had. What needs it is in no count but `jobs`."""


def forecast(
    loaded: LoadedSuite, *, only: Sequence[str] = (), home: Path, server: ChildServer | None = None
) -> Forecast:
    """The forecast of `bench run` with the same arguments. Raises `InputError` as that would, before any work."""
    server = server or ChildServer()
    try:
        planned = plan(resolve(loaded, home=home, server=server, partial=True), only=only, home=home)
        preflight(planned, home=home, server=server)
        counts = _counts(planned, home=home, server=server)
    except BaseException:
        server.kill()
        raise
    history = History.read(home)
    sweeps = Counter(one.arm for one in planned.can_run if isinstance(one.job, SweepJob))
    arms = tuple(
        _arm(name, trainings, counts[name], history, sweep=sweeps[name]) for name, trainings in _by_arm(planned).items()
    )
    evals = tuple(_eval(name, jobs, history) for name, jobs in _by_eval(planned).items())
    suite = loaded.suite
    matched, sentence = budget_statement(suite)
    selected = [one for one in planned.jobs if one.selected]
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
        training_tokens=sum(arm.tokens * (arm.seeds - arm.cached + arm.sweep) for arm in arms),
        disk_bytes=needed_bytes(planned),
        disk_free_bytes=free_bytes(home),
        warnings=tuple(map(spelt, advice(loaded))),
        unavailable=notes(planned),
    )


def _by_arm(planned: Plan) -> dict[str, list[PlannedJob]]:
    arms: dict[str, list[PlannedJob]] = {}
    for one in planned.jobs:
        if one.selected and one.unavailable is None and isinstance(one.job, TrainJob):
            arms.setdefault(one.job.arm, []).append(one)
    return arms


def _by_eval(planned: Plan) -> dict[str, list[PlannedJob]]:
    evals: dict[str, list[PlannedJob]] = {}
    for one in planned.jobs:
        if not one.selected or one.unavailable is not None:
            continue
        if isinstance(one.job, EvalJob):
            evals.setdefault(one.job.eval.name, []).append(one)
        elif isinstance(one.job, AnswerJob):
            evals.setdefault(f"{one.job.asking.eval.name}, answers", []).append(one)
    return evals


def _counts(planned: Plan, *, home: Path, server: ChildServer) -> dict[str, dict[str, int]]:
    """Per arm, of its first seed; counted by children, side by side, and kept by digest.

    Raises `InputError` with the problems of every arm that cannot be counted.
    """
    jobs = {arm: trainings[0].job for arm, trainings in _by_arm(planned).items()}
    counts = {arm: known for arm, job in jobs.items() if (known := _known_count(home, job.digest)) is not None}
    waiting = [arm for arm in jobs if arm not in counts]
    running: dict[str, Child] = {}
    problems, broken = list[Problem](), list[BenchError]()
    log = home / "logs" / "count.txt"
    try:
        while waiting or running:
            while waiting and len(running) < planned.workers:
                arm = waiting.pop(0)
                running[arm] = server.start("count", jobs[arm], folder=home, log=log)
            for arm, child in list(running.items()):
                child.wait(0.05)
                if child.ended():
                    del running[arm]
                    child.stop()
                    if child.failure is None:
                        counts[arm] = child.value
                        write_text(_count_file(home, jobs[arm].digest), json.dumps(child.value))
                    else:
                        problems += child.problems
                        if not child.problems:
                            broken.append(error_of(failed(f"count of {arm}", child.failure, log), child.failure))
    finally:
        stop_all(list(running.values()))
    if problems:
        raise InputError(problems)
    if broken:
        raise broken[0]
    return counts


def _arm(
    name: str, trainings: Sequence[PlannedJob], counts: Mapping[str, int], history: History, *, sweep: int
) -> ArmForecast:
    job = trainings[0].job
    assert isinstance(job, TrainJob), "grouped by arm"
    speed = history.tokens_per_second(job)
    rough = _rough_seconds(counts) / job.recipe.processes
    return ArmForecast(
        arm=name,
        seeds=len(trainings),
        cached=sum(not one.to_do for one in trainings),
        sweep=sweep,
        seconds=_START_SECONDS + (rough if speed is None else counts["tokens"] / speed),
        seconds_from="rough" if speed is None else "history",
        memory_bytes=training_memory(job, counts, device=device().partition(":")[0]),
        **counts,
    )


def _eval(name: str, jobs: Sequence[PlannedJob], history: History) -> EvalForecast:
    job = jobs[0].job
    job = job.asking if isinstance(job, AnswerJob) else job
    assert isinstance(job, EvalJob), "grouped by eval"
    return EvalForecast(
        eval=name,
        subjects=len(jobs),
        cached=sum(not one.to_do for one in jobs),
        seconds=history.eval_seconds(job),
    )


def _total_seconds(planned: Plan, arms: Sequence[ArmForecast], evals: Sequence[EvalForecast]) -> float | None:
    room = {one.arm: min(one.processes, planned.workers) for one in planned.jobs if isinstance(one.job, TrainJob)}
    training = sum(arm.seconds * room[arm.arm] * (arm.seeds - arm.cached + arm.sweep) for arm in arms)
    evaluating = 0.0
    for one in evals:
        if one.subjects > one.cached:
            if one.seconds is None:
                return None
            evaluating += one.seconds * (one.subjects - one.cached)
    alone = 0.0
    for planned_job in planned.can_run:
        if planned_job.job.kind == "probe":
            arm = next(arm for arm in arms if arm.arm == planned_job.arm)
            alone += _START_SECONDS + arm.seconds * min(1.0, planned_job.job.steps / max(1, arm.steps))
    return (training + evaluating) / planned.workers + alone


def _rough_seconds(counts: Mapping[str, int]) -> float:
    """Two operations per parameter and slot forward, two for the gradients that flow, two for trained weights' own."""
    per_slot = 4 * counts["parameters"] + 2 * counts["trainable_parameters"]
    return per_slot * counts["slots"] / _ROUGH_FLOPS_PER_SECOND[device().partition(":")[0]]


def _known_count(home: Path, digest: str) -> dict[str, int] | None:
    try:
        value = json.loads(_count_file(home, digest).read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) and all(isinstance(one, int) for one in value.values()) else None


def _count_file(home: Path, digest: str) -> Path:
    return home / "counts" / f"{digest}.json"
