"""Claims that decide less than they seem to: looked at before, beside their opposites, or beside themselves."""

from __future__ import annotations

from collections.abc import Iterator

from bench.record.record import Record
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.suite.checks.names.claim_names import contradictions, repeats

_MOST_NAMED = 4


def opposite_claims(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """Whatever the data say, one of two opposites fails, and both count among the claims for Holm."""
    for first, second in contradictions([result.claim for result in comparison.claims]):
        if repeats(first, second):
            detail = f"`{first.says}` and `{second.says}` are one claim made twice; each counts in Holm's adjustment"
        else:
            detail = f"`{first.says}` and `{second.says}` exclude each other: one of them fails whatever the data say"
        yield Finding(name="claims opposed", arm=None, measurand=first.measure, detail=detail)


def looked_before(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """Each further look at growing data is a further chance to find what is not there."""
    looks = record.looks
    if not looks or not comparison.claims:
        return
    names = ", ".join(look.run for look in looks[:_MOST_NAMED]) + (", …" if len(looks) > _MOST_NAMED else "")
    planned = record.resolved.suite.sequential is not None
    why = "as [sequential] plans it" if planned else "although the suite has no [sequential] that planned them"
    detail = (
        f"earlier readings of this question: {len(looks)} ({names}); claims are corrected for them, {why}; "
        "marks and the other p-values are not"
    )
    yield Finding(name="looked before", arm=None, measurand=None, detail=detail)
