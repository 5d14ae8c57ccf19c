"""From a resolved suite to jobs: what runs, in which order, after what, and what is there already.

Each base is evaluated once; each arm is trained once per seed and each of those is evaluated. An arm whose recipe
sweeps its learning rate has one more training per rate, which those of its seeds wait for; a `few_shot` arm has no
training at all; a deployed form is written from each of its arm's trainings. Where trainings run side by side, each arm
also has a short probe that runs alone on the machine, so that its speed is its own.
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from bench.code_digest import own_code
from bench.digest import digest_json
from bench.record.environment import cores, device
from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.eval_job import ShareJob
from bench.record.jobs.train_job import ProbeJob
from bench.record.results.training.result import ProbeResult
from bench.record.store import JobStore
from bench.run.plan.digests import planner_digest
from bench.run.plan.free_weights import retrained_where_freed
from bench.run.plan.jobs.context import PlanContext
from bench.run.plan.jobs.entries import all_entries
from bench.run.plan.one_check import with_one_check
from bench.run.plan.order import rank, subject_of
from bench.run.plan.probe_rounds import without_needless_rounds
from bench.run.plan.types import JobEntry, Plan, PlannedJob
from bench.run.plan.unavailable import missing_input, refuse_idle
from bench.suite.arm_patterns import matching
from bench.suite.resolved import Unavailable
from bench.suite.resolved_suite import ResolvedSuite
from bench.suite.tables.suite import Suite
from bench.suite.tables.training.budget import Budget

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

    Raises `InputError` where unavailable inputs leave nothing to run. Unknown arms of `only` are left out.
    """
    suite = resolved.suite
    chosen = _asked(suite, tuple(only))
    workers = worker_count(resolved)
    threads = max(1, cores() // workers)
    code = own_code(home).digest
    context = PlanContext(
        resolved=resolved,
        store=JobStore(home=home),
        workers=workers,
        threads=threads,
        precision=resolved.eval_precision(),
        trust_task_code=trust_task_code,
        code=code,
        planner=None if fresh else planner_digest(code),
        fresh=fresh,
    )
    entries = all_entries(context)
    needed = {arm.base for arm in suite.expand() if arm.name in chosen}
    asked = {entry.job.id for entry in entries if (entry.arm or subject_of(entry.job)) in chosen | needed}
    planned = with_one_check(retrained_where_freed(_planned(context, entries, _selected(entries, asked))), resolved)
    plan_ = Plan(resolved=resolved, jobs=planned, workers=workers, threads=threads, digest=_digest(resolved, planned))
    refuse_idle(plan_)
    return without_needless_rounds(
        plan_, lambda planned: None if planned.to_do else context.store.whole(planned.digest, ProbeResult)
    )


def _planned(context: PlanContext, entries: Sequence[JobEntry], selected: Collection[str]) -> tuple[PlannedJob, ...]:
    """The jobs with their turn, and what is there already. selected: ids of those asked for."""
    suite, store = context.resolved.suite, context.store
    why, begun, side_by_side = _stuck(entries), store.digests(), context.workers > 1
    return tuple(
        PlannedJob(
            job=entry.job,
            arm=entry.arm,
            seed=entry.seed,
            after=entry.after,
            exclusive=isinstance(entry.job, ProbeJob | DeployJob),
            selected=entry.job.id in selected,
            fresh=context.fresh,
            cached=store.done(entry.job.digest) if entry.job.digest in begun else None,
            rank=rank(entry, position, suite=suite, side_by_side=side_by_side),
            unavailable=why.get(entry.job.id),
        )
        for position, entry in enumerate(entries)
    )


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
    for arm in filter(suite.trains, suite.expand()):
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


def _asked(suite: Suite, only: tuple[str, ...]) -> frozenset[str]:
    names = suite.arm_names
    return frozenset(arm for pattern in only for arm in matching(pattern, names)) or frozenset(names)


def _digest(resolved: ResolvedSuite, jobs: Iterable[PlannedJob]) -> str:
    """Digest of the suite's content, without the places of its files, and of every job."""
    fields = resolved.suite.model_dump(mode="json", exclude={"model", "models", "data", "gate", "evaluation"})
    for key in ("limits", "keep_weights", "steps_between_saves", "shares"):
        fields["run"].pop(key)  # they change no result and nothing in a report
    for spec in fields["eval"]:
        for key in ("include", "data", "reference", "prompt", "labels"):
            spec.pop(key, None)
    digests = {job.digest for job in jobs if not isinstance(job.job, ShareJob)}
    data = {name: rows.sha256 for name, rows in resolved.data.items()}
    return digest_json({"suite": fields, "data": data, "jobs": sorted(digests)})
