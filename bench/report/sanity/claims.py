"""Claims that decide less than they seem to: a claim beside its opposite, or beside itself."""

from __future__ import annotations

from collections.abc import Iterator

from bench.record.record import Record
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.suite.checks.claim_names import contradictions


def opposite_claims(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """Whatever the data say, one of two opposites fails, and both count among the claims for Holm."""
    for first, second in contradictions([result.claim for result in comparison.claims]):
        if first.says == second.says:
            detail = f"the claim `{first.says}` is made twice; each counts in Holm's adjustment"
        else:
            detail = f"`{first.says}` and `{second.says}` exclude each other: one of them fails whatever the data say"
        yield Finding(name="claims opposed", arm=None, measurand=first.measure, detail=detail)
