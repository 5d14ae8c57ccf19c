"""Whether a judge's verdicts can be trusted: its consistency, its replies, and what length decides."""

from __future__ import annotations

from collections.abc import Iterator

from bench.record.record import Record
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.report.render import format as fmt
from bench.stats.length_control import ALONE, LengthControlled
from bench.suite.judge import TIE

CONSISTENT_SHARE = 0.6
"""A judge that tosses a coin agrees with itself in half of the pairs; GPT-4 did in 65% (Zheng et al. 2023, table 2)."""
UNREAD_SHARE = 0.05
"""Replies without a verdict are worth a word from this share on."""


def inconsistent(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """A judge that prefers by position says nothing about the answers."""
    for one in comparison.judged:
        total, share = one.total, one.total.consistency
        if share is None or share >= CONSISTENT_SHARE:
            continue
        pairs = fmt.plural(total.wins + total.losses + total.flips + one.ties, "pair")
        detail = f"{total.judge} gives the same verdict in both orders in only {fmt.percent(share)} of {pairs}"
        if one.shown_first is not None:
            detail += f"; {fmt.percent(one.shown_first)} of its preferences are for the answer shown first"
        yield Finding(name="judge inconsistent", arm=one.arm, measurand=one.eval, detail=detail)


def verdicts_unread(record: Record, comparison: Comparison) -> Iterator[Finding]:
    for one in comparison.judged:
        total = one.total
        lost = total.unread + total.rejected
        if lost > UNREAD_SHARE * total.asked:
            parts = [
                f"{total.unread:,} unreadable",
                *([f"{total.rejected:,} refused"] if total.rejected else []),
            ]
            detail = f"{lost:,} of {total.asked:,} replies of {total.judge} have no verdict: {', '.join(parts)}"
            yield Finding(name="verdicts unread", arm=one.arm, measurand=one.eval, detail=detail)


def length_decides(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """A preference that goes with the length of the answers, and is not there at equal length."""
    for one in comparison.judged:
        found, value = one.controlled, comparison.results[one.arm, one.eval].value
        if found is None or value.low is None or value.high is None or value.low <= TIE <= value.high:
            continue
        by_length = found.length_effect is not None and abs(found.length_effect) >= ALONE
        if not by_length and _same_side(found, above=value.low > TIE):
            continue
        raw = f"win rate {fmt.number(value.mean)} {fmt.interval(value.low, value.high)}"
        equal = f"at equal length {found.reason or 'not estimable'}"
        if found.rate is not None and found.low is not None and found.high is not None:
            equal = f"{fmt.number(found.rate)} {fmt.interval(found.low, found.high)} at equal length"
        detail = f"{raw}, {equal}; the longer answer won {fmt.percent(one.longer_won, digits=0)} of the preferences"
        yield Finding(name="length decides", arm=one.arm, measurand=one.eval, detail=detail)


def _same_side(found: LengthControlled, *, above: bool) -> bool:
    """Whether the rate at equal length is resolved from a tie, on that side of it."""
    if found.low is None or found.high is None:
        return False
    return found.low > TIE if above else found.high < TIE
