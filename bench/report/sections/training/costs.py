"""What it cost: budget and whether it was equal, speed, memory, and where the seconds went."""

from collections.abc import Sequence

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.run_facts.run_info import RunInfo
from bench.report.analysis.training.costs.budget_match import TOLERANCE, BudgetMatch
from bench.report.analysis.training.costs.cost import DISTURBING_SHARE, Cost
from bench.report.analysis.training.costs.phases import PHASES, PhaseSeconds
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Figure, Paragraph, Section, Table, numbers
from bench.report.sections.speed_cell import speed_cell

_PHASE_TITLES = {"start_up": "start-up", "optimizer": "optimiser"}


def cost_section(comparison: Comparison) -> Section:
    """One row per arm: what one training used."""
    columns = (
        Column(title="Arm"),
        *numbers("Tokens/s", "MFU", "Memory", "Trained / all", "Steps"),
        Column(title="Epochs", right=True, detail=True),
        *numbers("Tokens", "Supervised"),
        Column(title="Slots", right=True, detail=True),
        *numbers("Tokens/ slots", "Seconds in all"),
    )
    rows = tuple(_row(cost) for cost in comparison.costs)
    blocks: list[Block] = [
        Paragraph(text=budget_sentence(comparison.budget) + _left(comparison)),
        Table(columns=columns, rows=rows),
        Paragraph(text=measured_sentence(comparison.costs), tone="muted"),
        *_other_load(comparison.costs),
        *_utilisation(comparison.costs),
        *_steps(comparison.costs),
        *_money(comparison),
        *_machines(comparison.run),
    ]
    if "loss" in comparison.plots:
        caption = "Training loss by tokens seen: every seed (thin) and their mean, smoothed (thick)."
        if any(training.evaluations for training in comparison.trainings):
            caption += " Dashed, with rings: validation loss."
        blocks.append(Figure(name="loss", caption=caption))
    if "gradient_norm" in comparison.plots:
        blocks.append(Figure(name="gradient_norm", caption="Norm of the gradient before clipping, every seed."))
    if "learning_rate" in comparison.plots:
        blocks.append(Figure(name="learning_rate", caption="Learning rate of every step, every seed."))
    return Section(title="Cost", blocks=tuple(blocks))


def budget_sentence(budget: BudgetMatch) -> str:
    """What was held equal, and whether it was."""
    if budget.asked is None:
        return "No arm trains."
    if budget.used is None:
        return "No training finished."
    if len(budget.units) != 1:
        return "Budgets are in different units and cannot be called equal."
    unit = budget.units[0].replace("_", " ")
    asked = _amounts(budget.asked)
    unit = unit.removesuffix("s") if asked == "1" and unit != "flops" else unit
    sentence = f"Budget: {asked} {unit} per training; used: {_amounts(budget.used)}."
    apart = f"differ by up to {fmt.percent(budget.excess)}"
    over = budget.excess is not None and budget.excess > TOLERANCE
    if budget.finished < budget.arms:
        return f"{sentence} Not every arm finished" + (f"; those that did {apart}." if over else ".")
    if over:
        return f"{sentence} The arms are not matched: they {apart}."
    held = budget.units[0].replace("_", " ")
    return f"{sentence} The arms' {held} are matched within {fmt.percent(TOLERANCE, digits=0)}."


def _amounts(span: tuple[float, float]) -> str:
    return " to ".join(dict.fromkeys(fmt.amount(amount) for amount in span))


def _left(comparison: Comparison) -> str:
    """The trainings that validation ended, and what of their own budget they did not use."""
    early = [training for training in comparison.trainings if training.ending == "early"]
    if not early:
        return ""
    phrases = fmt.listed(
        [f"{training.subject} with {fmt.percent(training.unspent)} of its budget left" for training in early]
    )
    return f" Early stopping ended {phrases}."


def seconds_section(comparison: Comparison) -> Section:
    """Where the workers' seconds went."""
    spent = comparison.phases
    titles = [_PHASE_TITLES.get(phase, phase) for phase in PHASES]
    columns = (
        Column(title="Work"),
        Column(title="Jobs", right=True),
        *(Column(title=title, right=True) for title in titles),
        *numbers("process", "Sum"),
    )
    run = comparison.run
    text = (
        f"The last run took {fmt.seconds(run.wall_seconds)} with {fmt.plural(run.workers, 'worker')}"
        if run.wall_seconds is not None
        else "Wall time unknown"
    )
    jobs = fmt.plural(comparison.completeness.jobs, "job")
    text += f"; {run.jobs_reused} of {jobs} came from earlier runs, with the seconds that they took there."
    if comparison.completeness.missing_jobs:
        text += f" Jobs without a result, {comparison.completeness.missing_jobs:,}, are in no row."
    blocks: list[Block] = [Paragraph(text=text)]
    if spent:
        blocks.append(Table(columns=columns, rows=tuple(_seconds_row(phases) for phases in spent)))
    return Section(title="Where the seconds went", blocks=tuple(blocks))


def _row(cost: Cost) -> tuple[Cell, ...]:
    parameters = f"{fmt.short_count(cost.trainable_parameters)} / {fmt.short_count(cost.parameters)}"
    return (
        Cell(text=cost.arm, tone="strong"),
        speed_cell(cost),
        Cell(text="n/a" if cost.mfu is None else fmt.percent(cost.mfu), tone="plain" if cost.mfu else "muted"),
        Cell(text=fmt.memory(cost.memory_bytes)),
        Cell(text=parameters if cost.parameters is not None else fmt.NONE),
        Cell(text=fmt.count(cost.steps)),
        Cell(text=fmt.epochs(cost.epochs)),
        Cell(text=fmt.count(cost.tokens)),
        Cell(text=fmt.count(cost.supervised_tokens)),
        Cell(text=fmt.count(cost.slots)),
        Cell(text=fmt.percent(cost.packing_efficiency, digits=0)),
        Cell(text=fmt.fixed(cost.seconds)),
    )


def measured_sentence(costs: Sequence[Cost]) -> str:
    """How the figures of the table came about, and why a finished training has no speed."""
    device = any(cost.memory_of_device for cost in costs)
    untimed = any(
        cost.steps and cost.tokens_per_second is None and cost.shared_tokens_per_second is None for cost in costs
    )
    short = ", – where fewer than two steps remain" if untimed else ""
    memory = "allocated on the device" if device else "resident in the training's processes, libraries included"
    unsure = [cost for cost in costs if cost.tokens_per_second is None and cost.shared_tokens_per_second is not None]
    shared = any(cost.unlike_machine is None for cost in unsure)
    beside = "; shared: beside other jobs or programs, so not a measure of the arm" if shared else ""
    if len(unsure) > sum(cost.unlike_machine is None for cost in unsure):
        beside += "; with a machine's name: on another kind of machine, so not comparable"
    return (
        "Per training, mean over seeds. Tokens/s: non-padding tokens per second of training, alone on the machine, "
        f"warm-up steps left out{short}{beside}. Memory: peak {memory}. Tokens/slots: the share of the batches that is "
        f"not padding.{_several(costs)}"
    )


def _other_load(costs: Sequence[Cost]) -> list[Block]:
    """What other programs took of the machine, and the speed by processor time, which they move little."""
    loads = [f"{cost.arm} {fmt.percent(cost.other_load)}" for cost in costs if cost.other_load is not None]
    rates = [
        f"{cost.arm} {fmt.count(cost.processor_tokens_per_second)}"
        for cost in costs
        if cost.processor_tokens_per_second is not None
    ]
    blocks: list[Block] = []
    if rates:
        blocks.append(Paragraph(text=f"Tokens per second of processor time: {', '.join(rates)}.", tone="muted"))
    if loads:
        text = (
            "Processor time that anything else took beside a training, this run's other jobs included, as a share of "
            f"the machine's, in the arm's most disturbed training: {', '.join(loads)}. A training beside more than "
            f"{fmt.percent(DISTURBING_SHARE, digits=0)}, or beside another process on the GPU, is left out of its "
            "arm's speed; where no other is left the speed is shared, and enters no ranking."
        )
        blocks.append(Paragraph(text=text, tone="muted"))
    return blocks


def _several(costs: Sequence[Cost]) -> str:
    """What figures of a training in several processes are of."""
    phrases = [
        f" {cost.arm} trained in {cost.processes} processes: its speed and the peak behind its MFU are of all of them, "
        f"its memory is {'that of the fullest device' if cost.memory_of_device else 'their sum'}."
        for cost in costs
        if cost.processes > 1 and cost.steps
    ]
    return "".join(phrases)


def _utilisation(costs: tuple[Cost, ...]) -> list[Block]:
    """What MFU is a share of, and how far from it the hardware's own share is."""
    measured = [cost for cost in costs if cost.mfu is not None and cost.measured_peak is not None]
    if not measured:
        return []
    peaks = [cost.measured_peak for cost in measured if cost.measured_peak is not None]
    published = [cost.published_peak for cost in measured if cost.published_peak is not None]
    beside = f" (published: {_span(published)})" if published else ""
    text = (
        "MFU: model FLOPs (forward and backward, attention included, padding left out) per second, as a share of a "
        f"matrix product measured on this device at this precision, {_span(peaks)}{beside}. HFU counts "
        "padding and what gradient checkpointing recomputes: "
        f"{', '.join(f'{cost.arm} {fmt.percent(cost.hfu)}' for cost in measured)}."
    )
    return [Paragraph(text=text, tone="muted")]


def _span(peaks: Sequence[float]) -> str:
    """From the lowest to the highest: arms may differ in precision and in processes."""
    return " to ".join(dict.fromkeys(_teraflops(peak) for peak in (min(peaks), max(peaks))))


def _steps(costs: tuple[Cost, ...]) -> list[Block]:
    """Seconds per step: the median, and what one step in twenty stays below or exceeds."""
    timed = [(cost.arm, cost.step_seconds) for cost in costs if cost.step_seconds is not None]
    if not timed:
        return []
    phrases = "; ".join(
        f"{arm} {_milliseconds(seconds.median)} ({_milliseconds(seconds.p5)} to {_milliseconds(seconds.p95)})"
        for arm, seconds in timed
    )
    return [Paragraph(text=f"Milliseconds per step, median (5% to 95%): {phrases}.", tone="muted")]


def _money(comparison: Comparison) -> list[Block]:
    """Energy and price, where they are known."""
    phrases = [
        f"{cost.arm} {fmt.number(cost.joules / 3600, digits=2)} Wh"
        for cost in comparison.costs
        if cost.joules is not None
    ]
    blocks: list[Block] = []
    if phrases:
        blocks.append(
            Paragraph(text=f"Energy of one training, of the whole device: {', '.join(phrases)}.", tone="muted")
        )
    run = comparison.run
    if run.price_per_hour is None:
        return blocks
    prices = [f"{cost.arm} {fmt.number(cost.price)}" for cost in comparison.costs if cost.price is not None]
    whole = "" if run.price is None else f" The last run: {fmt.number(run.price)}."
    text = f"Price of one training, in {run.currency} at {run.price_per_hour:g} an hour: {', '.join(prices)}.{whole}"
    return [*blocks, Paragraph(text=text, tone="muted")]


def _machines(run: RunInfo) -> list[Block]:
    """Where jobs ran, if not on one machine, and what went away."""
    texts = []
    if run.nodes:
        texts.append(f"Jobs ran on {', '.join(run.nodes)}.")
    if run.other_machines:
        texts.append(
            f"Speeds and seconds of trainings are compared on {run.compared_machine} alone; those of "
            f"{fmt.listed(run.other_machines)} enter no ranking and no claim."
        )
    if run.lost:
        texts.append(f"A machine went away, and the job was submitted again: {', '.join(run.lost)}.")
    return [Paragraph(text=" ".join(texts), tone="muted")] if texts else []


def _teraflops(value: float) -> str:
    return f"{fmt.number(value / 1e12, digits=2)} TFLOP/s"


def _milliseconds(seconds: float) -> str:
    return fmt.number(1000 * seconds, digits=1)


def _seconds_row(spent: PhaseSeconds) -> tuple[Cell, ...]:
    return (
        Cell(text=spent.kind, tone="strong"),
        Cell(text=fmt.count(spent.jobs)),
        *(Cell(text=fmt.fixed(spent.phases[phase])) for phase in PHASES),
        Cell(text=fmt.fixed(spent.process)),
        Cell(text=fmt.fixed(spent.total), tone="strong"),
    )
