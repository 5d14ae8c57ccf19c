"""What was run: the suite's question, its bases, seeds and evals, and how long the last run took.

Contract: pure functions of the record.
"""

from dataclasses import dataclass

from bench.record.record import Record
from bench.report.analysis.run_facts.own_speed import compared_machine, other_machines
from bench.report.analysis.run_facts.subjects import seeds_of
from bench.report.render import format as fmt
from bench.suite.resolved_suite import ResolvedSuite

_MICRO_DATA, _MICRO_TASKS = "micro:", "micro_"
"""How the sources and the task names of the embedded invented world begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """One run. jobs_reused: taken from earlier runs. wall_seconds: of the latest `bench run` that filled the record."""

    suite: str
    profile: str | None
    digest: str
    simulation: str | None
    """What makes this run a simulation; `None`: it is none."""
    question: str
    models: tuple[str, ...]
    """Names of the bases."""
    seeds: tuple[int, ...]
    evals: tuple[str, ...]
    weights_kept: bool
    """Whether trained weights stay after their evals."""
    jobs_reused: int
    nodes: tuple[str, ...]
    """Machines that did jobs, beside the one that the run was started on."""
    compared_machine: str
    """Kind of machine on which speeds and seconds of trainings are compared."""
    other_machines: tuple[str, ...]
    """Further kinds that trainings ran on, whose speeds enter no ranking and no claim."""
    lost: tuple[str, ...]
    """Jobs whose machine went away while they ran, each with its machine."""
    machine: str
    """What trainings ran on, such as `AMD EPYC (2 cores)` or `NVIDIA H200`."""
    workers: int
    wall_seconds: float | None
    currency: str
    price_per_hour: float | None
    price: float | None
    """Price of the whole machine for `wall_seconds`, in the suite's currency."""


def run_info(record: Record) -> RunInfo:
    """The facts of `record` that are not about one arm or one eval."""
    resolved, suite = record.resolved, record.resolved.suite
    hourly, wall = suite.run.price_per_hour, record.wall_seconds
    return RunInfo(
        suite=suite.name,
        profile=resolved.profile,
        digest=record.digest,
        simulation=_simulation(resolved),
        question=suite.question,
        models=tuple(dict.fromkeys(model.name for model in resolved.bases().values())),
        seeds=seeds_of(record),
        evals=tuple(spec.name for spec in suite.eval),
        weights_kept=suite.run.keep_weights,
        jobs_reused=sum(job.reused for job in record.jobs),
        nodes=tuple(sorted({job.node for job in record.jobs if job.node is not None})),
        compared_machine=compared_machine(record),
        other_machines=other_machines(record),
        lost=tuple(f"{job.id} ({node})" for job in record.jobs for node in job.lost_nodes),
        machine=_machine(record),
        workers=record.environment.workers,
        wall_seconds=wall,
        currency=suite.run.currency,
        price_per_hour=hourly,
        price=None if hourly is None or wall is None else hourly * wall / 3600,
    )


def _machine(record: Record) -> str:
    machine = record.environment
    if any(job.node is not None for job in record.jobs):
        return "the run's machines"
    if machine.device == "cpu":
        return f"{machine.processor} ({fmt.plural(machine.cores, 'core')})"
    return machine.device.removeprefix("cuda: ")


def _simulation(resolved: ResolvedSuite) -> str | None:
    """What makes a run a simulation: its base, else data or evals of the embedded world; `None`: nothing does."""
    base = next((model.simulation for model in resolved.bases().values() if model.simulation), None)
    if base is not None:
        return base
    parts = [f"data {name}" for name, data in resolved.data.items() if data.source.startswith(_MICRO_DATA)]
    for spec in resolved.suite.eval:
        if spec.kind == "lm_eval" and spec.include and any(task.startswith(_MICRO_TASKS) for task in spec.tasks):
            parts.append(f"eval {spec.name}")
    if not parts:
        return None
    return f"Part of this run is a simulation in an invented world, no evidence about real tasks: {fmt.listed(parts)}."
