"""The verdicts of the suite's claims, and each eval in one line: what a reader of ten lines must know."""

from __future__ import annotations

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.claims import ClaimResult
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.next_seeds import OpenClaim
from bench.report.analysis.scores.results import Reading
from bench.report.render import format as fmt
from bench.report.render.view import Block, Bullets, Cell, Column, Paragraph, Section, Table, Tone
from bench.report.sections.marks import with_missing
from bench.suite.tables.suite import is_base

VERDICT_TONES: dict[str, Tone] = {
    "supported": "good",
    "refuted": "bad",
    "inconclusive": "unsure",
    "incomplete": "bad",
}


_BESIDE_CLAIMS = ("dose differs", "one draw")
"""Sanity verdicts that limit what a claim between arms says."""
_DOSE_TITLES = ("Tokens", "Supervised", "Steps", "Rows", "Epochs")


def claims_section(comparison: Comparison) -> Section | None:
    """One row per claim; `None` where the suite makes none."""
    if not comparison.claims:
        return None
    columns = (
        Column(title="Verdict"),
        Column(title="Claim"),
        Column(title=_difference_title(comparison), right=True),
        Column(title="p (Holm)", right=True, detail=True),
        Column(title="Why"),
    )
    rows = tuple(_row(claim) for claim in comparison.claims)
    blocks = (Table(columns=columns, rows=rows), *_planned_looks(comparison), *_doses(comparison))
    return Section(title="Verdicts", blocks=blocks)


def _planned_looks(comparison: Comparison) -> list[Block]:
    """How far a run with planned looks is, and what it saved."""
    state = comparison.sequential
    if state is None:
        return []
    text = f"{state.trainings} of {fmt.plural(state.most, 'planned training')}, look {len(comparison.looks) + 1}."
    waiting = [claim for claim in state.open if not claim.futile]
    if waiting:
        chances = [f"{claim.claim.says} on {claim.claim.measure} ({_chance(claim)})" for claim in waiting]
        text += f" Open, with the chance that the last planned look decides: {'; '.join(chances)}."
    futile = [f"{claim.claim.says} on {claim.claim.measure} ({_chance(claim)})" for claim in state.open if claim.futile]
    if futile:
        text += f" Not worth more seeds, by the chance that the last planned look decides: {'; '.join(futile)}."
    if state.seconds_saved:
        text += f" The trainings that were not needed would have taken {fmt.seconds(state.seconds_saved)}."
    return [Paragraph(text=text, tone="muted")]


def _chance(claim: OpenClaim) -> str:
    return fmt.percent(claim.chance, digits=0)


def summary_section(comparison: Comparison) -> Section:
    """One line per eval."""
    items = tuple(Cell(text=_line(comparison, measurand)) for measurand in comparison.measurands)
    return Section(title="In short", blocks=(Bullets(items=items),))


def _doses(comparison: Comparison) -> list[Block]:
    """Dose of the arms that claims name, with a warning where doses differ or a side is one random draw."""
    named = {side for result in comparison.claims for side in (result.claim.parts()[0], result.claim.parts()[2])}
    arms = [dose for dose in comparison.doses.arms if dose.arm in named]
    if not arms:
        return []
    columns = (Column(title="Dose of one training"), *(Column(title=title, right=True) for title in _DOSE_TITLES))
    rows = tuple(
        (
            Cell(text=dose.arm, tone="strong"),
            Cell(text=fmt.count(dose.tokens)),
            Cell(text=fmt.count(dose.supervised_tokens)),
            Cell(text=fmt.count(dose.steps)),
            Cell(text=fmt.count(dose.rows)),
            Cell(text=fmt.number(dose.epochs, digits=2)),
        )
        for dose in arms
    )
    warnings = [
        Paragraph(text=f"{finding.name.capitalize()}: {finding.detail}.", tone="strong")
        for finding in comparison.sanity
        if finding.name in _BESIDE_CLAIMS
    ]
    return [*warnings, Table(columns=columns, rows=rows)]


def _row(result: ClaimResult) -> tuple[Cell, ...]:
    claim, outcome = result.claim, result.verdict.outcome
    margin = f", margin {result.margin}" if claim.margin else ""
    return (
        Cell(text=outcome, tone=VERDICT_TONES[outcome]),
        Cell(text=f"{claim.says} on {claim.measure}{margin}"),
        Cell(text=_difference(result)),
        Cell(text=fmt.p_value(result.verdict.adjusted_p)),
        Cell(text=result.why),
    )


def _difference_title(comparison: Comparison) -> str:
    ratios = any(result.claim.cost is not None for result in comparison.claims)
    return "Difference, or ratio × [95%]" if ratios else "Difference [95%]"


def _difference(result: ClaimResult) -> str:
    ratio = result.ratio
    if ratio is not None and ratio.ratio is not None:
        interval = "" if ratio.exact else fmt.interval(ratio.low, ratio.high)
        return f"×{fmt.number(ratio.ratio)} {interval}".rstrip()
    if result.delta is None or result.delta.estimate is None:
        return fmt.NONE
    interval = fmt.signed_interval(result.delta.low, result.delta.high)
    return f"{fmt.signed(result.delta.estimate)} {interval}".rstrip() + with_missing(result.delta.bounds)


def _line(comparison: Comparison, measurand: Measurand) -> str:
    arms = [arm for arm in comparison.arms if not is_base(arm)]
    results = [comparison.results[arm, measurand.name] for arm in arms]
    versus_base = {r.arm: r.versus_base.reading for r in results if r.versus_base is not None}
    versus_control = {r.arm: r.versus_control.reading for r in results if r.versus_control is not None}
    parts = [_counted(versus_base, "base", single_seed=len(comparison.run.seeds) == 1)]
    if versus_control:
        parts.append(_named(versus_control, "its control"))
    leaders = _leaders(comparison, measurand)
    if leaders:
        parts.append(leaders)
    note = " (a diagnostic, no ranking)" if measurand.role == "diagnostic" else ""
    note = " (what training may forget)" if measurand.role == "retention" else note
    return f"{measurand.name}{note}: {'; '.join(part for part in parts if part)}."


def _leaders(comparison: Comparison, measurand: Measurand) -> str:
    """Arms that are not shown to be worse than another; empty where all arms are, or where there are no ranks."""
    ranks = comparison.ranks[measurand.name]
    first = [rank.name for rank in ranks if rank.best == 1]
    if not ranks:
        return ""
    if len(first) == len(ranks):
        return "no order among the arms is resolved"
    return f"not shown to be worse than any other arm: {fmt.listed(first)}"


def _counted(readings: dict[str, Reading], reference: str, *, single_seed: bool) -> str:
    """`6 arms against base: 4 better, 1 worse, 1 not resolved`."""
    only = "by the examples' noise alone" if single_seed else "only before Holm"
    words: tuple[tuple[Reading, str], ...] = (
        ("better", "better"),
        ("worse", "worse"),
        ("maybe better", f"better {only}"),
        ("maybe worse", f"worse {only}"),
        ("higher", "higher"),
        ("lower", "lower"),
        ("unresolved", "not resolved"),
        ("unknown", "without a result"),
    )
    counts = [(list(readings.values()).count(reading), word) for reading, word in words]
    phrases = [f"{count} {word}" for count, word in counts if count]
    return f"{fmt.plural(len(readings), 'arm')} against {reference}: {', '.join(phrases)}" if phrases else ""


def _named(readings: dict[str, Reading], reference: str) -> str:
    """`better than its control: a, b`, for those that are resolved."""
    parts = []
    for reading in ("better", "worse", "higher", "lower"):
        names = [arm for arm, arm_reading in readings.items() if arm_reading == reading]
        if names:
            parts.append(f"{reading} than {reference}: {fmt.listed(names)}")
    return "; ".join(parts) or f"no arm is resolved from {reference}"
