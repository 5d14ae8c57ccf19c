"""From a resolved suite to jobs: what runs, in which order, after what, and what is there already.

Each base is evaluated once; each arm is trained once per seed and each of those is evaluated. An arm whose recipe
sweeps its learning rate has one more training per rate, which those of its seeds wait for; a `few_shot` arm has no
training at all. Where trainings run side by side, each arm also has a short probe that runs alone on the machine, so
that its speed is its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.code_digest import own_code
from bench.digest import digest_json
from bench.errors import InputError, Problem, did_you_mean
from bench.record.environment import cores, device
from bench.record.eval_job import AnswerJob, EvalJob, Shots
from bench.record.job import Job
from bench.record.store import JobStore
from bench.record.train_job import Candidate, ProbeJob, SweepJob, TrainJob
from bench.record.training import ProbeResult
from bench.run.plan.digests import CodeDigest, eval_digest, probe_digest, sweep_digest, training_digest
from bench.run.plan.free_weights import retrained_where_freed
from bench.run.plan.judge_jobs import is_asked, judge_entries
from bench.run.plan.probe_rounds import without_needless_rounds
from bench.run.plan.types import JobEntry, Plan, PlannedJob
from bench.run.plan.unavailable import missing_input, refuse_idle
from bench.run.resolve.suite import sweep_data
from bench.suite.arm_patterns import matching
from bench.suite.checks.subset_draws import trained_on
from bench.suite.resolved import ResolvedData, ResolvedModel, ResolvedWeights, Unavailable
from bench.suite.resolved_suite import ResolvedSuite
from bench.suite.tables.budget import Budget
from bench.suite.tables.evals import EvalSpec, JudgeSpec, data_of
from bench.suite.tables.model import Precision
from bench.suite.tables.suite import ArmRef, Suite
from bench.suite.tables.sweep import Setting

_SMALL_MODEL_PARAMETERS = 20_000_000


def plan(
    resolved: ResolvedSuite,
    *,
    only: Iterable[str] = (),
    home: Path,
    fresh: bool = False,
    trust_task_code: bool = False,
) -> Plan:
    """All jobs of `resolved`; `only` names the arms that this run is asked for (all, if empty).

    `trust_task_code`: task files and hub metrics from elsewhere may run code; only the command line can say so.

    Raises `InputError` for an unknown arm, and where unavailable inputs leave nothing to run.
    """
    suite = resolved.suite
    chosen = _asked(suite, tuple(only))
    workers = worker_count(resolved)
    threads = max(1, cores() // workers)
    builder = _Builder(
        resolved=resolved,
        store=JobStore(home=home),
        workers=workers,
        threads=threads,
        precision=_eval_precision(suite),
        trust_task_code=trust_task_code,
        code=own_code(home).digest,
    )
    bases = resolved.bases()
    entries = [entry for base in suite.base_subjects() for entry in builder.base(base, bases[base])]
    for arm in suite.expand():
        if arm.is_given:
            entries.extend(entry for seed in suite.seeds_of(arm.name) for entry in builder.given(arm, seed))
        elif not suite.trains(arm):
            entries.extend(entry for seed in suite.seeds_of(arm.name) for entry in builder.few_shot(arm, seed))
        else:
            entries.extend(builder.trained(arm, probed=workers > 1))
    entries.extend(list(judge_entries(resolved, entries, store=builder.store, workers=workers, code=builder.code)))
    needed = {arm.base for arm in suite.expand() if arm.name in chosen}
    selected = _selected(
        entries, {entry.job.id for entry in entries if (entry.arm or _subject(entry.job)) in chosen | needed}
    )
    why = _stuck(entries)
    planned = tuple(
        PlannedJob(
            job=entry.job,
            arm=entry.arm,
            seed=entry.seed,
            after=entry.after,
            exclusive=isinstance(entry.job, ProbeJob),
            selected=entry.job.id in selected,
            fresh=fresh,
            cached=builder.store.done(entry.job.digest),
            rank=_rank(entry, position, turn=_turn(suite, entry.arm, entry.seed), side_by_side=workers > 1),
            unavailable=why.get(entry.job.id),
        )
        for position, entry in enumerate(entries)
    )
    planned = retrained_where_freed(planned)
    plan_ = Plan(resolved=resolved, jobs=planned, workers=workers, threads=threads, digest=_digest(resolved, planned))
    refuse_idle(plan_)
    return without_needless_rounds(plan_, builder.measured)


def worker_count(resolved: ResolvedSuite) -> int:
    """Jobs side by side: as the suite says; `auto` gives small models on a processor one worker per core."""
    workers_setting = resolved.suite.run.workers
    if workers_setting != "auto":
        return workers_setting
    sizes = [model.parameters for model in resolved.bases().values()]
    small = all(size is not None and size < _SMALL_MODEL_PARAMETERS for size in sizes)
    return cores() if small and device() == "cpu" else 1


def budget_statement(suite: Suite) -> tuple[bool, str]:
    """Whether all arms have the same budget, and the sentence that says so."""
    budgets: dict[Budget, list[str]] = {}
    for arm in _training_arms(suite):
        budgets.setdefault(suite.budget_of(arm), []).append(arm.name)
    if not budgets:
        return True, "no arm trains"
    if len(budgets) == 1:
        return True, f"every arm trains on {_amount(next(iter(budgets)))}"
    parts = [f"{_amount(budget)} for {', '.join(arms)}" for budget, arms in budgets.items()]
    return False, "budgets differ between the arms: " + "; ".join(parts)


def _amount(budget: Budget) -> str:
    unit = budget.unit.replace("_", " ")
    return f"{budget.amount:,.10g} {unit.removesuffix('s') if budget.amount == 1 and unit != 'flops' else unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Builder:
    """Builds the jobs of a suite, with their digests."""

    resolved: ResolvedSuite
    store: JobStore
    workers: int
    threads: int
    precision: Precision | Literal["auto"]
    """Precision of all evals."""
    trust_task_code: bool
    code: CodeDigest

    def base(self, subject: str, model: ResolvedModel) -> list[JobEntry]:
        """A base's evals."""
        return self._evals(subject, model, arm=None, seed=None)

    def few_shot(self, arm: ArmRef, seed: int) -> list[JobEntry]:
        """The evals of the base with rows of the arm's data in its context, drawn with `seed`."""
        size = self.resolved.suite.recipe[arm.recipe].shots
        assert size is not None, "validated"
        shots = Shots(data=self._data(arm, seed), size=size, seed=seed)
        model = self.resolved.base_of(arm)
        return self._evals(f"{arm.name}#{seed}", model, arm=arm.name, seed=seed, shots=shots)

    def given(self, arm: ArmRef, seed: int) -> list[JobEntry]:
        """The evals of one training that was made elsewhere."""
        weights = self.resolved.given[arm.name][seed]
        model = self.resolved.base_of(arm)
        return self._evals(f"{arm.name}#{seed}", model, arm=arm.name, seed=seed, given=weights)

    def trained(self, arm: ArmRef, *, probed: bool) -> list[JobEntry]:
        """All jobs of an arm that trains: sweep, probe, and a training with its evals for each seed."""
        suite, model = self.resolved.suite, self.resolved.base_of(arm)
        sweep = self._sweep(arm)
        after = tuple(job.digest for job in sweep)
        entries = [JobEntry(job=job, after=(), arm=arm.name, seed=job.training.seed) for job in sweep]
        for seed in suite.seeds_of(arm.name):
            training = self._training(arm, seed, sweep)
            if probed and suite.run.probe_steps > 0 and seed == suite.seeds[0]:
                entries += [self._probe(training, number) for number in range(1, suite.run.probe_rounds + 1)]
            entries.append(JobEntry(job=training, after=after, arm=arm.name, seed=seed))
            entries += self._evals(f"{arm.name}#{seed}", model, arm=arm.name, seed=seed, training=training)
        return entries

    def _data(self, arm: ArmRef, seed: int) -> ResolvedData:
        """What the arm learns from with this seed: its draw, where the data has several."""
        return self.resolved.data[trained_on(self.resolved.suite, arm, seed)]

    def _sweep(self, arm: ArmRef) -> list[SweepJob]:
        """One job per setting; none where the recipe has no sweep."""
        suite = self.resolved.suite
        recipe = suite.recipe[arm.recipe]
        if recipe.sweep is None:
            return []
        part, dev = (self.resolved.data[name] for name in sweep_data(arm.data, recipe.sweep.on))
        jobs = []
        for setting in recipe.settings:
            training = self._training(arm, suite.seeds[0], (), data=part, setting=setting)
            digest = sweep_digest(training=training.digest, dev=dev, code=self.code)
            jobs.append(SweepJob(training=training, setting=setting, dev=dev, digest=digest))
        return jobs

    def _training(
        self,
        arm: ArmRef,
        seed: int,
        sweep: Sequence[SweepJob],
        *,
        data: ResolvedData | None = None,
        setting: Setting | None = None,
    ) -> TrainJob:
        suite, model = self.resolved.suite, self.resolved.base_of(arm)
        recipe = suite.recipe[arm.recipe].with_defaults(model.lora_target_modules)
        budget, data = suite.budget_of(arm), data or self._data(arm, seed)
        threads = max(1, cores() // max(self.workers, recipe.processes))  # of each process
        if setting is not None:
            recipe = recipe.with_setting(setting)
        return TrainJob(
            arm=arm.name,
            seed=seed,
            model=model,
            data=data,
            recipe=recipe,
            budget=budget,
            threads=threads,
            steps_between_saves=suite.run.steps_between_saves,
            track=suite.run.track,
            candidates=tuple(
                Candidate(setting=job.setting, digest=job.digest, path=str(self.store.folder(job.digest)))
                for job in sweep
            ),
            digest=training_digest(
                model=model,
                data=data,
                recipe=recipe,
                budget=budget,
                seed=seed,
                threads=threads,
                code=self.code,
                sweep=[job.digest for job in sweep],
            ),
        )

    def measured(self, planned: PlannedJob) -> ProbeResult | None:
        """Result of a probe of an earlier run that this run reuses."""
        return None if planned.to_do else self.store.probe_result(planned.digest)

    def _probe(self, training: TrainJob, number: int) -> JobEntry:
        """With the first setting of a sweep: a speed hardly depends on it, and need not wait for the choice."""
        steps = self.resolved.suite.run.probe_steps
        first_setting = training.with_setting(training.recipe.settings[0])
        job = ProbeJob(
            training=first_setting,
            steps=steps,
            round=number,
            digest=probe_digest(training=training.digest, steps=steps, number=number, code=self.code),
        )
        return JobEntry(job=job, after=(), arm=training.arm, seed=training.seed)

    def _evals(
        self,
        subject: str,
        model: ResolvedModel,
        *,
        arm: str | None,
        seed: int | None,
        training: TrainJob | None = None,
        shots: Shots | None = None,
        given: ResolvedWeights | None = None,
    ) -> list[JobEntry]:
        after = () if training is None else (training.digest,)
        jobs: list[Job] = []
        for spec in self.resolved.suite.eval:
            if not isinstance(spec, JudgeSpec):
                jobs.append(self._eval(spec, subject, model, training=training, shots=shots, given=given))
            elif is_asked(spec, arm):
                asking = self._eval(spec.asking(), subject, model, training=training, shots=shots, given=given)
                jobs.append(AnswerJob(asking=asking, digest=asking.digest))
        return [JobEntry(job=job, after=after, arm=arm, seed=seed) for job in jobs]

    def _eval(
        self,
        spec: EvalSpec,
        subject: str,
        model: ResolvedModel,
        *,
        training: TrainJob | None,
        shots: Shots | None,
        given: ResolvedWeights | None,
    ) -> EvalJob:
        data = None if data_of(spec) is None else self.resolved.data[f"eval:{spec.name}"]
        needed = None if training is None else training.digest
        if getattr(spec, "template", "suite") == "none":
            shots = None  # no template, no place for turns: the subject is the base, and shares its result
        return EvalJob(
            subject=subject,
            eval=spec,
            model=model,
            data=data,
            tasks_path=self.resolved.tasks_path.get(spec.name),
            training=needed,
            training_path=None if needed is None else str(self.store.folder(needed)),
            given=given,
            shots=shots,
            precision=self.precision,
            threads=self.threads,
            trust_task_code=self.trust_task_code,
            digest=eval_digest(
                evaluation=spec,
                model=model,
                data=data,
                tasks_sha256=self.resolved.tasks_sha256.get(spec.name),
                training=needed,
                precision=self.precision,
                threads=self.threads,
                code=self.code,
                shots=shots,
                given=given,
            ),
        )


def _training_arms(suite: Suite) -> list[ArmRef]:
    return [arm for arm in suite.expand() if suite.trains(arm)]


def _subject(job: Job) -> str | None:
    job = job.asking if isinstance(job, AnswerJob) else job
    return job.subject if isinstance(job, EvalJob) else None


def _stuck(entries: Sequence[JobEntry]) -> dict[str, Unavailable]:
    """By id, the jobs that cannot run: an input of theirs, or of a job that they need, is unavailable."""
    unavailable: dict[str, Unavailable] = {}
    by_digest: dict[str, Unavailable] = {}
    for entry in entries:  # each comes after the jobs that it needs
        job = entry.job
        why = missing_input(job) or next((by_digest[digest] for digest in entry.after if digest in by_digest), None)
        if why is not None:
            unavailable[job.id] = by_digest[job.digest] = why
    return unavailable


def _selected(entries: Sequence[JobEntry], chosen: set[str]) -> set[str]:
    """Ids of the jobs asked for, and of those that these need: the answers of an arm that others are judged against."""
    selected, needed = set(chosen), set[str]()
    for entry in reversed(entries):  # each comes after the jobs that it needs
        if entry.job.id in selected or entry.job.digest in needed:
            selected.add(entry.job.id)
            needed |= set(entry.after)
    return selected


def _eval_precision(suite: Suite) -> Precision | Literal["auto"]:
    """One precision for all subjects: that of the trainings where they agree, else the device's own choice."""
    used = {suite.recipe[arm.recipe].precision for arm in _training_arms(suite)}
    return used.pop() if len(used) == 1 else "auto"


def _rank(entry: JobEntry, position: int, *, turn: int, side_by_side: bool) -> int:
    """Side by side: probes while nothing else runs, round by round, each forth or back; the base (a broken eval shows
    at once), sweeps, which trainings wait for, trainings (long), the many short evals of the arms last, so that no
    worker is idle at the end. One by one: seed by seed, so that what slows the machine for a while slows every arm, and
    a run that was stopped has as many seeds of each."""
    if not side_by_side:
        return turn * 1_000_000 + position
    if isinstance(entry.job, ProbeJob):
        back = entry.job.round % 2 == 0
        return (entry.job.round - 1_000) * 1_000_000 + (-position if back else position)
    asked = 1 if entry.arm is None else 4
    group = {"sweep": 2, "train": 3, "answer": asked, "eval": asked}[entry.job.kind]
    return group * 1_000_000 + position


def _turn(suite: Suite, arm: str | None, seed: int | None) -> int:
    """0 for what belongs to no seed or to the first."""
    return 0 if arm is None or seed is None else suite.seeds_of(arm).index(seed)


def _asked(suite: Suite, only: tuple[str, ...]) -> frozenset[str]:
    names = [arm.name for arm in suite.expand()]
    matches = {pattern: matching(pattern, names) for pattern in only}
    problems = [
        Problem(
            reference="run.unknown-arm",
            what=f"the suite has no arm {pattern!r}",
            where=f"--only {pattern}",
            hint=did_you_mean(pattern, names),
        )
        for pattern, arms in matches.items()
        if not arms
    ]
    if problems:
        raise InputError(problems)
    return frozenset(arm for arms in matches.values() for arm in arms) or frozenset(names)


def _digest(resolved: ResolvedSuite, jobs: Iterable[PlannedJob]) -> str:
    """Digest of the suite's content, without the places of its files, and of every job."""
    fields = resolved.suite.model_dump(mode="json", exclude={"model", "models", "data", "gate"})
    for key in ("limits", "keep_weights", "steps_between_saves"):
        fields["run"].pop(key)  # they change no result and nothing in a report
    for spec in fields["eval"]:
        for key in ("include", "data", "reference", "prompt", "labels"):
            spec.pop(key, None)
    return digest_json({"suite": fields, "data": _data_part(resolved), "jobs": sorted({job.digest for job in jobs})})


def _data_part(resolved: ResolvedSuite) -> dict[str, str]:
    return {name: data.sha256 for name, data in resolved.data.items()}
