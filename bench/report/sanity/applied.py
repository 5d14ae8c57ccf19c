"""Whether each training was really applied: verdicts on the subject as evaluated, beside its base and its trainer."""

from __future__ import annotations

from collections.abc import Iterator

from bench.record.record import Record
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.report.render import format as fmt


def same_weights(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """A subject whose weights and next tokens are the base's: its scores are the base's, whatever they are."""
    for row in comparison.applied:
        if row.applied is not None and row.applied.same_as_base:
            detail = (
                f"seed {row.seed}: as evaluated no weight differs from the base's, nor does a likelihood on "
                f"{fmt.plural(row.applied.positions, 'position')}: it was not trained, or not loaded"
            )
            yield Finding(name="same as base", arm=row.arm, measurand=None, detail=detail)


def in_part(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """A subject of which some tensors have no effect, though the training was to change them."""
    for row in comparison.applied:
        applied = row.applied
        if applied is not None and applied.without_effect and not applied.same_as_base:
            detail = (
                f"seed {row.seed}: {applied.without_effect:,} of {applied.expected:,} matrices "
                f"that the training was to change equal the base's, such as {fmt.listed(applied.such_as)}: frozen, "
                "lost when saved, or rounded away"
            )
            yield Finding(name="not applied in part", arm=row.arm, measurand=None, detail=detail)


def not_as_trained(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """Weights that were merged or stored wrongly are scored as if they had been trained so."""
    for row in comparison.applied:
        if row.check is not None and not row.as_trained:
            detail = (
                f"seed {row.seed}: the loss of one batch was {fmt.number(row.check.as_trained)} as trained and is "
                f"{fmt.number(row.check.as_evaluated)} as evaluated: its scores are not those of what was trained"
            )
            yield Finding(name="as evaluated ≠ as trained", arm=row.arm, measurand=None, detail=detail)
