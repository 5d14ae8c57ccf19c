"""The suite's claims in words, with their verdicts; how far planned looks are."""

from collections.abc import Sequence

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.analysis.conclusions.growth.next_buy import OpenClaim
from bench.report.analysis.conclusions.growth.purchases import NotBought
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Paragraph, Section, Table, Tone, numbers, texts
from bench.stats.conclusions.claim_types import DECIDED

VERDICT_TONES: dict[str, Tone] = {
    "supported": "good",
    "refuted": "bad",
    "inconclusive": "unsure",
    "incomplete": "bad",
}
_SIGNS = {"supported": "✓", "refuted": "✗", "inconclusive": "?", "incomplete": "–"}
_DOSE_TITLES = ("Tokens", "Supervised", "Steps", "Rows", "Epochs")


def claims_section(comparison: Comparison) -> Section | None:
    """One row per claim; `None` where the suite makes none."""
    if not comparison.claims:
        return None
    blocks = (_brief(comparison.claims), *_whole(comparison.claims), *_planned_looks(comparison))
    outcomes = {result.verdict.outcome for result in comparison.claims}
    signs = ", ".join(f"{sign} {outcome}" for outcome, sign in _SIGNS.items() if outcome in outcomes)
    maybe = [f"; {word}?: maybe {word}" for word in ("better", "worse") if _any_maybe(comparison.claims, word)]
    return Section(title="Claims", blocks=blocks, signs="".join([signs, *maybe]))


def _brief(claims: Sequence[ClaimResult]) -> Table:
    """A line for each claim, for a terminal; what would decide an open one is in the answer."""
    rows = tuple(
        (
            Cell(text=_SIGNS[result.verdict.outcome], tone=VERDICT_TONES[result.verdict.outcome]),
            Cell(text=result.claim.says),
            Cell(text=result.claim.measure),
            Cell(text=_seen_briefly(result)),
        )
        for result in claims
    )
    return Table(columns=texts("", "Claim", "On", "Points, or units"), rows=rows, only="terminal")


def _seen_briefly(result: ClaimResult) -> str:
    """`better 6.2 (2.1 to 10.4)`: with `better?` where it is maybe so."""
    seen = (result.seen or fmt.NONE).replace(" points", "").replace(", missing scores counted", "")
    for word in ("better", "worse"):
        seen = seen.replace(f"maybe {word} by", f"{word}?").replace(f"{word} by", word)
    return seen.partition(", only before")[0].partition(", by the noise")[0]


def _any_maybe(claims: Sequence[ClaimResult], word: str) -> bool:
    return any((result.seen or "").startswith(f"maybe {word}") for result in claims)


def _planned_looks(comparison: Comparison) -> list[Block]:
    """How far a run with planned looks is, what was bought and why, and what it saved."""
    state = comparison.sequential
    if state is None:
        return []
    text = f"{state.trainings} of {fmt.plural(state.most, 'planned training')}"
    text += "".join(f", {each.examples:,} of {each.most:,} planned examples of {each.eval}" for each in state.evals)
    text += f", look {len(comparison.looks) + 1}."
    waiting = [claim for claim in state.open if not claim.futile]
    if waiting:
        chances = [f"{claim.claim.says} on {claim.claim.measure} ({_chance(claim)})" for claim in waiting]
        text += f" Open, with the chance that the last planned look decides: {'; '.join(chances)}."
    futile = [f"{claim.claim.says} on {claim.claim.measure} ({_chance(claim)})" for claim in state.open if claim.futile]
    if futile:
        text += f" Not worth more, by the chance that the last planned look decides: {'; '.join(futile)}."
    if state.seconds_saved:
        what = "trainings and examples" if state.evals else "trainings"
        text += f" The {what} that were not needed would have taken {fmt.seconds(state.seconds_saved)}."
    return [Paragraph(text=text, tone="muted"), *_purchases(comparison)]


def _purchases(comparison: Comparison) -> list[Block]:
    """A row for each earlier look: what was added to it, for which claim, and what else could have been."""
    if not comparison.purchases:
        return []
    columns = (*texts("Look", "Bought then", "For"), *numbers("Variance", "Took, s"), Column(title="Beside"))
    rows = tuple(
        (
            Cell(text=str(bought.look)),
            Cell(text=bought.what, tone="strong"),
            Cell(text=bought.claim or fmt.NONE),
            Cell(text=_taken(bought.share)),
            Cell(text=fmt.NONE if bought.seconds is None else fmt.seconds(bought.seconds)),
            Cell(text="; ".join(map(_offered, bought.beside)) or fmt.NONE),
        )
        for bought in comparison.purchases
    )
    legend = "Variance: by how much it was to shrink that of the claim's comparison, as the look before estimated it."
    return [Table(columns=columns, rows=rows), Paragraph(text=legend, tone="muted")]


def _taken(share: float | None) -> str:
    return fmt.NONE if share is None else f"−{fmt.percent(share)}"


def _offered(offer: NotBought) -> str:
    seconds = "" if offer.seconds is None else f" in {fmt.seconds(offer.seconds)}"
    return f"{offer.what} ({_taken(offer.share)}{seconds})"


def _chance(claim: OpenClaim) -> str:
    return fmt.percent(claim.chance, digits=0)


def doses_section(comparison: Comparison) -> Section | None:
    """Dose of the arms that claims name; `None` where none of them trained."""
    named = {side for result in comparison.claims for side in (result.claim.parts()[0], result.claim.parts()[2])}
    arms = [dose for dose in comparison.doses.arms if dose.arm in named]
    if not arms:
        return None
    columns = (Column(title="Arm"), *(Column(title=title, right=True) for title in _DOSE_TITLES))
    rows = tuple(
        (
            Cell(text=dose.arm, tone="strong"),
            Cell(text=fmt.count(dose.tokens)),
            Cell(text=fmt.count(dose.supervised_tokens)),
            Cell(text=fmt.count(dose.steps)),
            Cell(text=fmt.count(dose.rows)),
            Cell(text=fmt.epochs(dose.epochs)),
        )
        for dose in arms
    )
    return Section(title="Dose of one training", blocks=(Table(columns=columns, rows=rows),), folded=True)


def _whole(claims: Sequence[ClaimResult]) -> list[Block]:
    """What was seen and asked, and for open claims what would decide them, or what is missing."""
    open_ = any(result.verdict.outcome not in DECIDED for result in claims)
    titles = ("Verdict", "Claim", "Seen", "Asked", *(["To decide it"] if open_ else []))
    columns = (*texts(*titles), Column(title="p (Holm)", right=True))
    table = Table(columns=columns, rows=tuple(_row(result, open_=open_) for result in claims), only="document")
    if not any(result.leans for result in claims):
        return [table]
    return [table, Paragraph(text=_legend(claims), tone="muted", only="document")]


def _legend(claims: Sequence[ClaimResult]) -> str:
    """At which power and level the numbers decide, and what their range is."""
    level = max(result.verdict.needed_level or 0.0 for result in claims)
    at = f" at {fmt.percent(level)}, the level of Holm's first step," if level else ""
    text = f"To decide it: so many would with 80% power{at} if the estimate is true."
    if not any(way.spread for result in claims for way in result.ways):
        return text
    return f"{text} Range: if the noise is as small, or as large, as its own 80% interval allows."


def _row(result: ClaimResult, *, open_: bool) -> tuple[Cell, ...]:
    outcome, leaning = result.verdict.outcome, result.leans
    tested = outcome in DECIDED or result.verdict.reason is None
    return (
        Cell(text=outcome if leaning is None else f"{outcome}, leans to {leaning}", tone=VERDICT_TONES[outcome]),
        Cell(text=f"{result.claim.says} on {result.claim.measure}"),
        Cell(text=result.seen or fmt.NONE),
        Cell(text=result.asked),
        *([Cell(text=result.needed or "")] if open_ else []),
        Cell(text=fmt.p_value(result.verdict.adjusted_p if tested else None)),
    )
