"""What it cost: budget and whether it was equal, speed, memory, and where the seconds went."""

from __future__ import annotations

from bench.report import format as fmt
from bench.report.comparison import Comparison
from bench.report.cost import PHASES, TOLERANCE, Cost, PhaseSeconds, largest_excess, reused_jobs, seconds_by_phase
from bench.report.figures import planned
from bench.report.sections.results import speed_cell
from bench.report.view import Block, Cell, Column, Figure, Paragraph, Section, Table

_PHASE_TITLES = {"start_up": "start-up", "optimizer": "optimiser"}


def cost_section(comparison: Comparison) -> Section:
    """One row per arm: what one training used."""
    columns = (
        Column(title="Arm"),
        Column(title="Tokens/s", right=True),
        Column(title="Memory", right=True),
        Column(title="Trained / all", right=True),
        Column(title="Steps", right=True),
        Column(title="Epochs", right=True, detail=True),
        Column(title="Tokens", right=True),
        Column(title="Supervised", right=True),
        Column(title="Slots", right=True, detail=True),
        Column(title="Tokens/ slots", right=True),
        Column(title="Seconds", right=True),
    )
    rows = tuple(_row(cost) for cost in comparison.costs)
    blocks: list[Block] = [
        Paragraph(text=budget_sentence(comparison.costs)),
        Table(columns=columns, rows=rows),
        Paragraph(text=_measured(comparison), tone="muted"),
    ]
    if "loss" in planned(comparison):
        caption = "Training loss by tokens seen: every seed (thin) and their mean, smoothed (thick)."
        blocks.append(Figure(name="loss", caption=caption))
    return Section(title="Cost", blocks=tuple(blocks))


def budget_sentence(costs: tuple[Cost, ...]) -> str:
    """What was held equal, and whether it was."""
    units = {cost.budget.unit for cost in costs}
    used = [cost.budget_used for cost in costs if cost.budget_used is not None]
    if len(units) != 1 or not used:
        return "Budgets are in different units and cannot be called equal." if used else "No training finished."
    unit = next(iter(units)).replace("_", " ")
    asked = sorted({cost.budget.amount for cost in costs})
    wanted = " to ".join(dict.fromkeys(fmt.amount(amount) for amount in (asked[0], asked[-1])))
    span = " to ".join(dict.fromkeys(fmt.amount(amount) for amount in (min(used), max(used))))
    sentence = f"Budget: {wanted} {unit} per training; used: {span}."
    excess = largest_excess(costs)
    if excess is None:
        return f"{sentence} Not every arm finished."
    if excess <= TOLERANCE:
        return f"{sentence} The arms are matched within {fmt.percent(TOLERANCE, digits=0)}."
    return f"{sentence} The arms are not matched: they differ by up to {fmt.percent(excess)}."


def seconds_section(comparison: Comparison) -> Section:
    """Where the workers' seconds went."""
    spent = seconds_by_phase(comparison.record)
    titles = [_PHASE_TITLES.get(phase, phase) for phase in PHASES]
    columns = (
        Column(title="Work"),
        Column(title="Jobs", right=True),
        *(Column(title=title, right=True) for title in titles),
        Column(title="process", right=True),
        Column(title="Sum", right=True),
    )
    wall = comparison.record.wall_seconds
    reused, jobs = reused_jobs(comparison.record)
    workers = comparison.record.environment.workers
    text = (
        f"The last run took {fmt.seconds(wall)} with {fmt.plural(workers, 'worker')}"
        if wall is not None
        else "Wall time unknown"
    )
    text += f"; {reused} of {fmt.plural(jobs, 'job')} came from earlier runs, with the seconds they took then."
    blocks: list[Block] = [Paragraph(text=text)]
    if spent:
        blocks.append(Table(columns=columns, rows=tuple(_seconds_row(phases) for phases in spent)))
    return Section(title="Where the seconds went", blocks=tuple(blocks))


def _row(cost: Cost) -> tuple[Cell, ...]:
    parameters = f"{fmt.short_count(cost.trainable_parameters)} / {fmt.short_count(cost.parameters)}"
    return (
        Cell(text=cost.arm, tone="strong"),
        speed_cell(cost),
        Cell(text=fmt.memory(cost.memory_bytes)),
        Cell(text=parameters if cost.parameters is not None else fmt.NONE),
        Cell(text=fmt.count(cost.steps)),
        Cell(text=fmt.number(cost.epochs, digits=2)),
        Cell(text=fmt.count(cost.tokens)),
        Cell(text=fmt.count(cost.supervised_tokens)),
        Cell(text=fmt.count(cost.slots)),
        Cell(text=fmt.percent(cost.packing_efficiency, digits=0)),
        Cell(text=fmt.fixed(cost.seconds)),
    )


def _measured(comparison: Comparison) -> str:
    """How the figures of the table came about."""
    device = any(cost.memory_of_device for cost in comparison.costs)
    memory = "allocated on the device" if device else "resident in the training process, libraries included"
    return (
        "Per training, mean over seeds. Tokens/s: non-padding tokens per second of training, alone on the machine, "
        f"warm-up steps left out. Memory: peak {memory}. Tokens/slots: the share of the batches that is not padding."
    )


def _seconds_row(spent: PhaseSeconds) -> tuple[Cell, ...]:
    return (
        Cell(text=spent.kind, tone="strong"),
        Cell(text=fmt.count(spent.jobs)),
        *(Cell(text=fmt.fixed(spent.phases[phase])) for phase in PHASES),
        Cell(text=fmt.fixed(spent.process)),
        Cell(text=fmt.fixed(spent.total), tone="strong"),
    )
