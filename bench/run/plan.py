"""From a resolved suite to jobs: what runs, in which order, after what, and what is there already.

The base is evaluated once; each arm is trained once per seed and each of those is evaluated. Where trainings run side
by side, each arm also has a short probe that runs alone on the machine, so that its speed is its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.digest import digest_json
from bench.errors import InputError, Problem, did_you_mean
from bench.record.environment import cores, device
from bench.record.job import EvalJob, Job, ProbeJob, TrainJob
from bench.record.store import JobStore, Manifest
from bench.run.digests import eval_digest, probe_digest, training_digest
from bench.suite.evals import EvalSpec, LossSpec
from bench.suite.model import Precision
from bench.suite.recipe import Budget
from bench.suite.resolved import ResolvedSuite
from bench.suite.suite import ArmRef, Suite

BASE = "base"
_SMALL_MODEL_PARAMETERS = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJob:
    """One job with its place in the run."""

    job: Job
    arm: str | None
    """`None` for the base."""
    seed: int | None
    after: tuple[str, ...]
    """Digests of jobs that must be done before."""
    exclusive: bool
    """Runs alone on the machine."""
    selected: bool
    """Asked for in this run."""
    fresh: bool
    """Runs even if it is cached."""
    cached: Manifest | None
    """Of an earlier run's result; `None` if there is none."""
    rank: int
    """Order of starting, as far as needs allow."""

    @property
    def digest(self) -> str:
        """The job's digest."""
        return self.job.digest

    @property
    def to_do(self) -> bool:
        """Whether this run has to execute it."""
        return self.selected and (self.fresh or self.cached is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All jobs of a suite, those not asked for included."""

    resolved: ResolvedSuite
    jobs: tuple[PlannedJob, ...]
    """Each after those that it needs."""
    workers: int
    threads: int
    """Per worker."""
    digest: str
    """Of the suite's content and of all its jobs; names the run directory."""

    @property
    def to_do(self) -> tuple[PlannedJob, ...]:
        """What this run has to execute."""
        return tuple(planned for planned in self.jobs if planned.to_do)


def plan(
    resolved: ResolvedSuite, *, only: Iterable[str] = (), home: Path, fresh: bool = False
) -> Plan:
    """All jobs of `resolved`; `only` names the arms that this run is asked for (all, if empty).

    Raises `InputError` for an unknown arm.
    """
    suite = resolved.suite
    asked = _asked(suite, tuple(only))
    workers = worker_count(resolved)
    threads = max(1, cores() // workers)
    builder = _Builder(resolved=resolved, store=JobStore(home=home), threads=threads)
    jobs = builder.evals(BASE, arm=None, seed=None, training=None)
    for arm in suite.arms.expand():
        trainings = [builder.training(arm, seed) for seed in suite.seeds]
        if workers > 1 and suite.run.probe_steps > 0:
            jobs.append(builder.probe(trainings[0], suite.run.probe_steps))
        for seed, training in zip(suite.seeds, trainings, strict=True):
            jobs.append((training, (), arm.name, seed))
            jobs.extend(builder.evals(f"{arm.name}#{seed}", arm=arm.name, seed=seed, training=training))
    planned = tuple(
        PlannedJob(
            job=job,
            arm=arm_name,
            seed=seed,
            after=after,
            exclusive=isinstance(job, ProbeJob),
            selected=arm_name is None or arm_name in asked,
            fresh=fresh,
            cached=builder.store.done(job.digest),
            rank=_rank(job, arm_name, position, side_by_side=workers > 1),
        )
        for position, (job, after, arm_name, seed) in enumerate(jobs)
    )
    return Plan(
        resolved=resolved, jobs=planned, workers=workers, threads=threads, digest=_digest(resolved, planned)
    )


def worker_count(resolved: ResolvedSuite) -> int:
    """Jobs side by side: as the suite says; `auto` gives small models on a processor one worker per core."""
    asked = resolved.suite.run.workers
    if asked != "auto":
        return asked
    small = resolved.model.parameters is not None and resolved.model.parameters < _SMALL_MODEL_PARAMETERS
    return cores() if small and device() == "cpu" else 1


def budget_statement(suite: Suite) -> tuple[bool, str]:
    """Whether all arms have the same budget, and the sentence that says so."""
    budgets: dict[Budget, list[str]] = {}
    for arm in suite.arms.expand():
        budgets.setdefault(suite.budget_of(arm), []).append(arm.name)
    if len(budgets) == 1:
        return True, f"every arm trains on {_amount(next(iter(budgets)))}"
    parts = [f"{_amount(budget)} for {', '.join(arms)}" for budget, arms in budgets.items()]
    return False, "budgets differ between the arms: " + "; ".join(parts)


def _amount(budget: Budget) -> str:
    return f"{budget.amount:,.10g} {budget.unit.replace('_', ' ')}"


_Entry = tuple[Job, tuple[str, ...], str | None, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Builder:
    """Makes jobs with their digests. Entries are (job, digests needed, arm, seed)."""

    resolved: ResolvedSuite
    store: JobStore
    threads: int

    def training(self, arm: ArmRef, seed: int) -> TrainJob:
        suite, model = self.resolved.suite, self.resolved.model
        recipe, budget, data = suite.recipe[arm.recipe], suite.budget_of(arm), self.resolved.data[arm.data]
        return TrainJob(
            arm=arm.name,
            seed=seed,
            model=model,
            data=data,
            recipe=recipe,
            budget=budget,
            threads=self.threads,
            steps_between_saves=suite.run.steps_between_saves,
            digest=training_digest(
                model=model, data=data, recipe=recipe, budget=budget, seed=seed, threads=self.threads
            ),
        )

    def probe(self, training: TrainJob, steps: int) -> _Entry:
        job = ProbeJob(training=training, steps=steps, digest=probe_digest(training=training.digest, steps=steps))
        return job, (), training.arm, training.seed

    def evals(
        self, subject: str, *, arm: str | None, seed: int | None, training: TrainJob | None
    ) -> list[_Entry]:
        after = () if training is None else (training.digest,)
        return [(self._eval(spec, subject, training), after, arm, seed) for spec in self.resolved.suite.eval]

    def _eval(self, spec: EvalSpec, subject: str, training: TrainJob | None) -> EvalJob:
        data = self.resolved.data[f"eval:{spec.name}"] if isinstance(spec, LossSpec) else None
        precision = _eval_precision(self.resolved.suite)
        needed = None if training is None else training.digest
        return EvalJob(
            subject=subject,
            eval=spec,
            model=self.resolved.model,
            data=data,
            tasks_path=self.resolved.tasks_path.get(spec.name),
            training=needed,
            training_path=None if needed is None else str(self.store.folder(needed)),
            precision=precision,
            threads=self.threads,
            digest=eval_digest(
                evaluation=spec,
                model=self.resolved.model,
                data=data,
                tasks_sha256=self.resolved.tasks_sha256.get(spec.name),
                training=needed,
                precision=precision,
                threads=self.threads,
            ),
        )


def _eval_precision(suite: Suite) -> Precision | Literal["auto"]:
    """One precision for all subjects: that of the trainings where they agree, else the device's own choice."""
    used = {suite.recipe[arm.recipe].precision for arm in suite.arms.expand()}
    return used.pop() if len(used) == 1 else "auto"


def _rank(job: Job, arm: str | None, position: int, *, side_by_side: bool) -> int:
    """Side by side: probes while nothing else runs, the base (a broken eval shows at once), trainings (long), the
    many short evals of the arms last, so that no worker is idle at the end. One by one: as planned."""
    if not side_by_side:
        return position
    group = {"probe": 0, "train": 2, "eval": 1 if arm is None else 3}[job.kind]
    return group * 1_000_000 + position


def _asked(suite: Suite, only: tuple[str, ...]) -> frozenset[str]:
    names = [arm.name for arm in suite.arms.expand()]
    problems = [
        Problem(
            reference="run.unknown-arm",
            what=f"the suite has no arm {name!r}",
            where=f"--only {name}",
            hint=did_you_mean(name, names),
        )
        for name in only
        if name not in names
    ]
    if problems:
        raise InputError(problems)
    return frozenset(only or names)


def _digest(resolved: ResolvedSuite, jobs: Iterable[PlannedJob]) -> str:
    """Of what the suite says, without where its files lie, and of every job."""
    said = resolved.suite.model_dump(mode="json", exclude={"model", "data"})
    for spec in said["eval"]:
        spec.pop("include", None)
        spec.pop("data", None)
    return digest_json({"suite": said, "data": _data_part(resolved), "jobs": sorted({one.digest for one in jobs})})


def _data_part(resolved: ResolvedSuite) -> dict[str, str]:
    return {name: data.sha256 for name, data in resolved.data.items()}
