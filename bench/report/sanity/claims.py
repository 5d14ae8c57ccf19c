"""Claims that decide less than they seem to: looked at before, or beside others that exclude or imply them."""

from collections.abc import Iterator

from bench.record.record import Record
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.suite.checks.names.claim_logic import claims_together

_MOST_NAMED = 4


def needless_claims(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """Claims of which one fails whatever the data say, or that others imply; all count among the claims for Holm."""
    for found in claims_together([result.claim for result in comparison.claims]):
        name = "claims opposed" if found.excluded else "claim implied"
        yield Finding(name=name, arm=None, measurand=found.claim.measure, detail=found.sentence)


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
