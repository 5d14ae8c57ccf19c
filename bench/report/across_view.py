"""`bench compare` as a view for the terminal."""

from rich.console import Console

from bench.report.analysis.across.compare_runs import CostChange, RunComparison, ScoreShift
from bench.report.render import format as fmt
from bench.report.render.terminal import print_report
from bench.report.render.view import Block, Cell, Column, Paragraph, Section, Table, View, numbers, texts
from bench.report.sections.marks import COUNTED, READINGS, TONES

_SHOWN_DIFFERENCES = 40


def print_comparison(comparison: RunComparison, console: Console) -> None:
    """What changed from the first run to the second, on `console`."""
    print_report(compose_comparison(comparison), console, full=True)


def compose_comparison(comparison: RunComparison) -> View:
    """All text, ready to print."""
    first, second = comparison.runs
    sections = (
        _summary(comparison),
        _differences(comparison),
        *_results(comparison),
        _costs(comparison),
    )
    text = f"{first.digest[:8]} (first: {first.path}) against {second.digest[:8]} ({second.path})"
    return View(
        title=f"{first.suite}: two runs",
        banner=first.simulation or second.simulation,
        question=second.question,
        status=Cell(text=text),
        complete=first.all_done and second.all_done,
        sections=tuple(section for section in sections if section is not None),
    )


def _summary(comparison: RunComparison) -> Section:
    changes = comparison.changes
    counts = [
        (sum(change.reading == reading and not change.same_jobs for change in changes), words)
        for reading, words in COUNTED.items()
    ]
    counts.append((sum(change.same_jobs for change in changes), "from the same jobs in both runs"))
    tally = ", ".join(f"{count} {words}" for count, words in counts if count)
    lines: list[Block] = [Paragraph(text=f"Second against first, {fmt.plural(len(changes), 'cell')}: {tally}.")]
    for name, arms in (("first", comparison.only_first), ("second", comparison.only_second)):
        if arms:
            lines.append(Paragraph(text=f"Only in the {name} run, and not compared: {fmt.listed(arms)}."))
    return Section(title="In short", blocks=tuple(lines))


def _differences(comparison: RunComparison) -> Section:
    differences = comparison.differences
    if not differences:
        text = "None: data, recipes, models, libraries and machine are the same. Differences are noise."
        return Section(title="In what the runs differ", blocks=(Paragraph(text=text),))
    columns = texts("Key", "First", "Second")
    rows = tuple(
        (Cell(text=difference.key, tone="strong"), Cell(text=difference.first), Cell(text=difference.second))
        for difference in differences[:_SHOWN_DIFFERENCES]
    )
    blocks: list[Block] = [Table(columns=columns, rows=rows)]
    if len(differences) > _SHOWN_DIFFERENCES:
        blocks.append(Paragraph(text=f"and {len(differences) - _SHOWN_DIFFERENCES} more; --json has all"))
    return Section(title="In what the runs differ", blocks=tuple(blocks))


def _results(comparison: RunComparison) -> list[Section]:
    names = list(dict.fromkeys(change.measurand.name for change in comparison.changes))
    return [_result(name, [c for c in comparison.changes if c.measurand.name == name]) for name in names]


def _result(name: str, changes: list[ScoreShift]) -> Section:
    columns = (Column(title="Arm"), *numbers("First", "Second", "Second − first [95%]", "p (Holm)", "Detectable"))
    rows = tuple(
        (
            Cell(text=change.arm, tone="strong"),
            Cell(text=fmt.number(change.delta.reference_mean)),
            Cell(text=fmt.number(change.delta.arm_mean)),
            _difference(change),
            Cell(text=fmt.p_value(change.p_adjusted)),
            Cell(text=fmt.number(change.delta.mde)),
        )
        for change in changes
    )
    return Section(title=name, blocks=(Table(columns=columns, rows=rows),), level=3)


def _difference(change: ScoreShift) -> Cell:
    delta = change.delta
    if change.same_jobs:
        return Cell(text="the same jobs", tone="muted")
    if delta.estimate is None:
        return Cell(text=delta.reason or "no pair scored", tone="muted")
    interval = fmt.signed_interval(delta.low, delta.high) or "no interval"
    text = f"{fmt.signed(delta.estimate)} {interval}"
    return Cell(text=text, tone=TONES[change.reading], note=READINGS[change.reading])


def _costs(comparison: RunComparison) -> Section | None:
    if not comparison.costs:
        return None
    columns = (*texts("Arm", "Cost"), Column(title="Second / first [95%]", right=True))
    rows = tuple(
        (Cell(text=change.arm, tone="strong"), Cell(text=change.cost.title), Cell(text=_ratio(change)))
        for change in comparison.costs
    )
    return Section(title="Cost", blocks=(Table(columns=columns, rows=rows),))


def _ratio(change: CostChange) -> str:
    ratio = change.ratio
    interval = "exact" if ratio.exact else fmt.interval(ratio.low, ratio.high) or "no interval"
    return f"×{fmt.number(ratio.ratio)} {interval}"
