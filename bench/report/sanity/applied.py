"""Whether each training was really applied: verdicts on the subject as evaluated, beside its base and its trainer."""

from collections.abc import Iterator

from bench.record.record import EvaluationRecord, Record, TrainingRecord
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


def rounded_in_evals(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """Evals that compute more coarsely than a training: what was applied shows the subject as it was trained."""
    trained = {training.arm for training in record.trainings if _computed(training) == "fp32"}
    asked: dict[str, set[str | None]] = {arm: set() for arm in sorted(trained)}
    for found in record.evaluations:
        if found.arm in asked:
            asked[found.arm].add(_computed(found))
    for arm, precisions in asked.items():
        half = precisions & {"bf16", "fp16"}
        if half:
            detail = (
                f"trained in fp32, asked in {' and '.join(sorted(map(str, half)))}, which rounds small updates away, "
                'those of a short training most of all; evaluation.precision = "fp32" scores what was trained'
            )
            yield Finding(name="rounded in evals", arm=arm, measurand=None, detail=detail)


def _computed(found: TrainingRecord | EvaluationRecord) -> str | None:
    return None if found.result is None else found.result.precision
