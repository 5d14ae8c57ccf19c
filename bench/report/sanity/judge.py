"""Whether a judge's verdicts can be trusted: its consistency, its replies, and what length decides."""

from collections.abc import Iterator

from bench.record.record import Record
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.report.render import format as fmt
from bench.stats.estimates.judged.length_control import ALONE, LengthControlled
from bench.suite.tables.evals.judge_measures import TIE

CONSISTENT_SHARE = 0.6
"""A judge that tosses a coin agrees with itself in half of the pairs; GPT-4 did in 65% (Zheng et al. 2023, table 2)."""
UNREAD_SHARE = 0.05
"""Replies without a verdict are worth a word from this share on."""


def inconsistent(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """A judge that prefers by position says nothing about the answers."""
    for judged in comparison.judged:
        total, share = judged.total, judged.total.consistency
        if share is None or share >= CONSISTENT_SHARE:
            continue
        pairs = fmt.plural(total.wins + total.losses + total.flips + judged.ties, "pair")
        detail = f"{total.judge} gives the same verdict in both orders in only {fmt.percent(share)} of {pairs}"
        if judged.shown_first is not None:
            detail += f"; {fmt.percent(judged.shown_first)} of its preferences are for the answer shown first"
        yield Finding(name="judge inconsistent", arm=judged.arm, measurand=judged.eval, detail=detail)


def verdicts_unread(record: Record, comparison: Comparison) -> Iterator[Finding]:
    for judged in comparison.judged:
        total = judged.total
        lost = total.unread + total.rejected
        if lost > UNREAD_SHARE * total.asked:
            parts = [
                f"{total.unread:,} unreadable",
                *([f"{total.rejected:,} refused"] if total.rejected else []),
            ]
            detail = f"{lost:,} of {total.asked:,} replies of {total.judge} have no verdict: {', '.join(parts)}"
            yield Finding(name="verdicts unread", arm=judged.arm, measurand=judged.eval, detail=detail)


def length_decides(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """A preference that goes with the length of the answers, and is not there at equal length."""
    for judged in comparison.judged:
        controlled, value = judged.controlled, comparison.results[judged.arm, judged.eval].value
        if controlled is None or value.low is None or value.high is None or value.low <= TIE <= value.high:
            continue
        by_length = controlled.length_effect is not None and abs(controlled.length_effect) >= ALONE
        if not by_length and _same_side(controlled, above=value.low > TIE):
            continue
        raw = f"win rate {fmt.number(value.mean)} {fmt.interval(value.low, value.high)}"
        equal = f"at equal length {controlled.reason or 'not estimable'}"
        if controlled.rate is not None and controlled.low is not None and controlled.high is not None:
            equal = f"{fmt.number(controlled.rate)} {fmt.interval(controlled.low, controlled.high)} at equal length"
        detail = f"{raw}, {equal}; the longer answer won {fmt.percent(judged.longer_won, digits=0)} of the preferences"
        yield Finding(name="length decides", arm=judged.arm, measurand=judged.eval, detail=detail)


def _same_side(controlled: LengthControlled, *, above: bool) -> bool:
    """Whether the rate at equal length is resolved from a tie, on that side of it."""
    if controlled.low is None or controlled.high is None:
        return False
    return controlled.low > TIE if above else controlled.high < TIE
