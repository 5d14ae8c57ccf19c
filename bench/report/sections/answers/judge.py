"""What judges found, how much of it is length, and whether they can be trusted."""

from bench.report.analysis.answers.judge import JudgedArm
from bench.report.analysis.answers.judging_costs import JudgingCost
from bench.report.analysis.comparison import Comparison
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Paragraph, Section, Table, numbers, texts
from bench.report.sanity.judge import CONSISTENT_SHARE
from bench.stats.estimates.judged.length_control import ALONE

_ABOUT = (
    "Every pair is judged in both orders; won and lost: preferred in both. Tied: no preference, or the same text. "
    "Flipped: the orders disagree; half read: one verdict cannot be read; both score as ties. At equal length: the win "
    "rate without the effect of length, refitted in each bootstrap replicate; where a judge decides by little but "
    "length, it is biased to that side. Results, differences and claims are about the raw rate. Longer: share "
    "of the answers that are the longer ones. Longer won: of the pairs with a preference, the share that went to the "
    "longer answer. Same in both orders: of the pairs with two verdicts. Shown first: share of the preferences that "
    "are for what was shown first; 50% is fair."
)


def judge_section(comparison: Comparison) -> Section | None:
    """One row per eval and arm; `None` without a judge."""
    if not comparison.judged:
        return None
    columns = (
        Column(title="Eval", detail=True),
        *texts("Arm", "Against"),
        *numbers("Win rate", "At equal length [95%]"),
        Column(title="Longer", right=True, detail=True),
        *numbers("Longer won", "Won / tied / lost"),
        Column(title="Flipped", right=True, detail=True),
        Column(title="Half read", right=True, detail=True),
        Column(title="Not judged", right=True, detail=True),
        Column(title="Same in both orders", right=True),
        Column(title="Shown first", right=True, detail=True),
        Column(title="Tokens sent / answered", right=True, detail=True),
        Column(title="Cost", right=True, detail=True),
    )
    rows = tuple(_row(judged, comparison) for judged in comparison.judged)
    blocks: list[Block] = [Paragraph(text=line) for line in _judges(comparison)]
    blocks += [Table(columns=columns, rows=rows), *_by_people(comparison), Paragraph(text=_ABOUT, tone="muted")]
    return Section(title="Judges", blocks=tuple(blocks))


def _by_people(comparison: Comparison) -> list[Block]:
    """Rates corrected by human labels; nothing where no pair is labelled."""
    labelled = [(judged, judged.corrected) for judged in comparison.judged if judged.corrected is not None]
    lost: list[Block] = [
        Paragraph(
            text=f"{fmt.plural(judged.unmatched_labels, 'label')} of {judged.arm} on {judged.eval} "
            f"{'is' if judged.unmatched_labels == 1 else 'are'} of no judged pair: take the ids from the run's "
            f"scores/{judged.eval}.",
            tone="bad",
        )
        for judged in comparison.judged
        if judged.unmatched_labels
    ]
    if not labelled:
        return lost
    columns = (Column(title="Arm"), *numbers("Rate by people and judge [95%]", "Labelled", "Same as people"))
    rows = tuple(
        (
            Cell(text=f"{judged.arm} on {judged.eval}", tone="strong"),
            Cell(text=f"{fmt.number(rate.rate)} {fmt.interval(rate.low, rate.high) or rate.reason}"),
            Cell(text=f"{rate.labelled:,} of {rate.judged:,}"),
            Cell(text=fmt.percent(rate.agreement, digits=0)),
        )
        for judged, rate in labelled
    )
    about = (
        "By people and judge: the rate that people would give, from their labels and the judge's verdicts on all pairs "
        "(prediction-powered inference), if the labelled pairs are a random part. Claims are about the judge's rate."
    )
    return [Table(columns=columns, rows=rows), *lost, Paragraph(text=about, tone="muted")]


def _judges(comparison: Comparison) -> list[str]:
    """Per eval: who judged, and what all of it took."""
    lines = []
    for judging in comparison.judging:
        place = "on this machine" if judging.host is None else f"at {judging.host}"
        line = f"{judging.eval}: {judging.judge} {place}, prompt {judging.prompt}; "
        line += fmt.plural(judging.asked, "request")
        line += f", {judging.reused:,} answered from disk" if judging.reused else ""
        line += f"; {_bill(judging)}."
        if any(measurand.against_control for measurand in comparison.measurands if measurand.eval == judging.eval):
            line += " Each arm is compared with its own control; a base has none and is not judged."
        lines.append(line)
    return lines


def _bill(judging: JudgingCost) -> str:
    if not judging.asked:
        return "no cost"
    if judging.cost is None:
        local = judging.host is None
        return "no cost, on this machine" if local else "cost unknown (no price, or tokens not counted)"
    earlier = f", {judging.paid_before:.4f} of it paid before these jobs ran" if judging.paid_before else ""
    return f"cost {judging.cost:.4f} {judging.currency}{earlier}"


def _row(judged: JudgedArm, comparison: Comparison) -> tuple[Cell, ...]:
    value = comparison.results[judged.arm, judged.eval].value
    tokens = f"{fmt.count(judged.total.prompt_tokens)} / {fmt.count(judged.total.completion_tokens)}"
    none = Cell(text=fmt.NONE, tone="muted")
    if judged.total.by_definition:
        itself = Cell(text="itself, by definition", tone="muted")
        names = (Cell(text=judged.eval), Cell(text=judged.arm, tone="strong"), itself)
        return (*names, Cell(text=fmt.number(value.mean)), *[none] * 11)
    return (
        Cell(text=judged.eval),
        Cell(text=judged.arm, tone="strong"),
        Cell(text=judged.against),
        Cell(text=fmt.number(value.mean)),
        _controlled(judged),
        Cell(text=fmt.NONE if judged.controlled is None else fmt.percent(judged.controlled.longer, digits=0)),
        Cell(text=fmt.percent(judged.longer_won, digits=0)),
        Cell(text=f"{judged.total.wins:,} / {judged.ties:,} / {judged.total.losses:,}"),
        Cell(text=fmt.count(judged.total.flips)),
        Cell(text=fmt.count(judged.total.half)),
        Cell(text=fmt.count(judged.not_judged)),
        _consistency(judged),
        Cell(text=fmt.percent(judged.shown_first, digits=0)),
        Cell(text=tokens),
        Cell(text=fmt.NONE if judged.total.cost is None else f"{judged.total.cost:.4f} {judged.total.currency}"),
    )


def _controlled(judged: JudgedArm) -> Cell:
    controlled = judged.controlled
    if controlled is None:
        return Cell(text=fmt.NONE, tone="muted")
    if controlled.rate is None:
        return Cell(text=controlled.reason or fmt.NONE, tone="unsure")
    interval = "no interval" if controlled.low is None else fmt.interval(controlled.low, controlled.high)
    text = f"{fmt.number(controlled.rate)} {interval}"
    if controlled.length_effect is not None and abs(controlled.length_effect) >= ALONE:
        way = "longer" if controlled.length_effect > 0 else "shorter"
        return Cell(text=f"{text}; decided by length, the {way} answer wins", tone="unsure")
    return Cell(text=text)


def _consistency(judged: JudgedArm) -> Cell:
    if judged.total.consistency is None:
        return Cell(text=fmt.NONE, tone="muted")
    trusted = judged.total.consistency >= CONSISTENT_SHARE
    text = fmt.percent(judged.total.consistency, digits=0)
    return Cell(text=text if trusted else f"{text}, inconsistent", tone="plain" if trusted else "bad")
