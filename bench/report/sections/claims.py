"""The verdicts of the suite's claims, and each eval in one line: what a reader of ten lines must know."""

from __future__ import annotations

from bench.report.analysis.align import Measurand
from bench.report.analysis.claims import ClaimResult
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.results import Reading
from bench.report.render import format as fmt
from bench.report.render.view import Bullets, Cell, Column, Section, Table, Tone
from bench.stats.claims import ALPHA
from bench.suite.claim import Claim
from bench.suite.suite import is_base

VERDICT_TONES: dict[str, Tone] = {
    "supported": "good",
    "refuted": "bad",
    "inconclusive": "unsure",
    "incomplete": "bad",
}
SHOWN: dict[tuple[str, str, bool], str] = {
    ("supported", ">=", False): "not worse by more than {margin}",
    ("supported", ">", False): "better by more than {margin}",
    ("supported", "==", False): "equal within {margin}",
    ("supported", ">=", True): "not worse",
    ("supported", ">", True): "better",
    ("refuted", ">=", False): "worse by more than {margin}",
    ("refuted", ">", False): "not better by {margin}",
    ("refuted", "==", False): "different by more than {margin}",
    ("refuted", ">=", True): "worse",
    ("refuted", ">", True): "not better",
}
"""What a decided claim shows, by outcome, relation, and whether its margin is zero."""
SHOWN_OF_COSTS: dict[tuple[str, str, bool], str] = {
    ("supported", ">=", False): "costs at most {margin} more",
    ("supported", ">", False): "costs less, by more than {margin}",
    ("supported", "==", False): "costs the same within {margin}",
    ("supported", ">=", True): "does not cost more",
    ("supported", ">", True): "costs less",
    ("refuted", ">=", False): "costs more, by over {margin}",
    ("refuted", ">", False): "does not cost less by {margin}",
    ("refuted", "==", False): "costs differ by more than {margin}",
    ("refuted", ">=", True): "costs more",
    ("refuted", ">", True): "does not cost less",
}
"""The same of a claim on a cost."""


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
    rows = tuple(_row(comparison, claim) for claim in comparison.claims)
    return Section(title="Verdicts", blocks=(Table(columns=columns, rows=rows),))


def summary_section(comparison: Comparison) -> Section:
    """One line per eval."""
    items = tuple(Cell(text=_line(comparison, measurand)) for measurand in comparison.measurands)
    return Section(title="In short", blocks=(Bullets(items=items),))


def _row(comparison: Comparison, result: ClaimResult) -> tuple[Cell, ...]:
    claim, outcome = result.claim, result.verdict.outcome
    margin = f", margin {_margin(claim)}" if claim.margin else ""
    return (
        Cell(text=outcome, tone=VERDICT_TONES[outcome]),
        Cell(text=f"{claim.says} on {claim.measure}{margin}"),
        Cell(text=_difference(result)),
        Cell(text=fmt.p_value(result.verdict.adjusted_p)),
        Cell(text=_why(comparison, result)),
    )


def _why(comparison: Comparison, result: ClaimResult) -> str:
    """What the interval shows, or what is missing, or what would decide."""
    outcome, relation = result.verdict.outcome, result.claim.parts()[1]
    plain = result.claim.margin == 0
    if outcome == "incomplete":
        return result.gap or result.verdict.reason
    if outcome != "inconclusive":
        shown = SHOWN_OF_COSTS if result.claim.eval is None else SHOWN
        words = shown[outcome, relation, plain].format(margin=_margin(result.claim))
        if result.ratio is not None and result.ratio.exact:
            return f"{words}; counted exactly"
        single = len(comparison.record.resolved.suite.seeds) == 1
        return f"{words}; example noise only" if single else words
    if result.verdict.p_value is None or result.at_chance:
        return result.verdict.reason
    if result.verdict.p_value <= ALPHA:
        family = sum(one.verdict.p_value is not None for one in comparison.claims)
        return f"would decide alone, not among {family} claims; {_to_decide(result)}"
    return f"the interval reaches over {_threshold(result)}; {_to_decide(result)}"


def _threshold(result: ClaimResult) -> str:
    """Where the verdict changes, on the scale of the difference as it is shown."""
    margin, relation = result.claim.margin, result.claim.parts()[1]
    if margin == 0:
        return "zero" if result.ratio is None else "a ratio of one"
    if relation == "==":
        return f"±{_margin(result.claim)}"
    return "the margin"


def _to_decide(result: ClaimResult) -> str:
    """How many examples, or seeds, would decide it at 80% power, if the estimate is the truth."""
    verdict, compared = result.verdict, result.delta or result.ratio
    ways = []
    if verdict.needed_examples is not None and compared is not None:
        ways.append(f"about {verdict.needed_examples:,} examples (now {compared.n_examples:,})")
    if verdict.needed_seeds is not None and compared is not None:
        now = max(compared.arm_seeds, compared.reference_seeds)
        ways.append(f"{fmt.plural(verdict.needed_seeds, 'seed')} (now {now})")
    if ways:
        return f"to decide it: {' or '.join(ways)}"
    if verdict.needed_together is not None and compared is not None:
        examples, seeds = verdict.needed_together
        now = max(compared.arm_seeds, compared.reference_seeds)
        more = f"about {examples:,} examples with {seeds} seeds (now {compared.n_examples:,} with {now})"
        return f"to decide it: {more}; neither alone would"
    return "no number of examples or seeds within reach would decide it"


def _margin(claim: Claim) -> str:
    """In the eval's units, or as per cent of a cost."""
    return fmt.number(claim.margin) if claim.cost is None else fmt.percent(claim.margin, digits=0)


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
    return f"{fmt.signed(result.delta.estimate)} {interval}".rstrip()


def _line(comparison: Comparison, measurand: Measurand) -> str:
    arms = [arm for arm in comparison.arms if not is_base(arm)]
    results = [comparison.results[arm, measurand.name] for arm in arms]
    versus_base = {r.arm: r.versus_base.reading for r in results if r.versus_base is not None}
    versus_control = {r.arm: r.versus_control.reading for r in results if r.versus_control is not None}
    parts = [_counted(versus_base, "base")]
    if versus_control:
        parts.append(_named(versus_control, "its control"))
    leaders = _leaders(comparison, measurand)
    if leaders:
        parts.append(leaders)
    note = " (a diagnostic, no ranking)" if measurand.role == "diagnostic" else ""
    note = " (what training may forget)" if measurand.role == "retention" else note
    return f"{measurand.name}{note}: {'; '.join(part for part in parts if part)}."


def _leaders(comparison: Comparison, measurand: Measurand) -> str:
    """Arms that no other arm is shown to beat; nothing where that is all of them, or where there are no ranks."""
    found = comparison.ranks[measurand.name]
    first = [rank.name for rank in found if rank.best == 1]
    if not found:
        return ""
    if len(first) == len(found):
        return "no order among the arms is resolved"
    return f"beaten by no other arm: {fmt.listed(first)}"


def _counted(readings: dict[str, Reading], reference: str) -> str:
    """`4 of 6 arms better than base, 1 worse, 1 not resolved`."""
    words: tuple[tuple[Reading, str], ...] = (
        ("better", "better"),
        ("worse", "worse"),
        ("maybe better", "better before Holm only"),
        ("maybe worse", "worse before Holm only"),
        ("higher", "higher"),
        ("lower", "lower"),
        ("unresolved", "not resolved"),
        ("unknown", "without a result"),
    )
    counts = [(list(readings.values()).count(reading), word) for reading, word in words]
    said = [f"{count} {word}" for count, word in counts if count]
    return f"{fmt.plural(len(readings), 'arm')} against {reference}: {', '.join(said)}" if said else ""


def _named(readings: dict[str, Reading], reference: str) -> str:
    """`better than its control: a, b`, for those that are resolved."""
    parts = []
    for reading in ("better", "worse", "higher", "lower"):
        names = [arm for arm, found in readings.items() if found == reading]
        if names:
            parts.append(f"{reading} than {reference}: {fmt.listed(names)}")
    return "; ".join(parts) or f"no arm is resolved from {reference}"
