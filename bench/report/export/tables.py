"""Every score, difference, cost, claim and answer of a run as rows of plain values, for frames and for files.

Contract: pure. A table's rows have the same keys in the same order; what is unknown is `None`. Scores are in the eval's
units, seconds, bytes and tokens as the names say.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from bench.record.record import EvaluationRecord, Record
from bench.record.results.evals.evaluation import ScoreRow
from bench.report.analysis.aligned.score_rows import ScoreRows
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.analysis.scores.results import Contrast
from bench.suite.tables.arms.arms import BASE

PlainRow: TypeAlias = dict[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSources:
    """What tables are made of: a run's record, its scores, and what the report says of them."""

    record: Record
    rows: ScoreRows
    comparison: Comparison


def score_rows(sources: TableSources) -> Iterator[PlainRow]:
    """One row for each example, metric and subject."""
    for evaluation, row in _scored(sources):
        headline = _headline(evaluation, row)
        for metric, score in row.metrics.items():
            yield {
                **_subject(evaluation),
                "task": row.task,
                "example": row.id,
                "metric": metric,
                "headline": metric == headline,
                "score": score,
                "weight": row.weight,
                "cluster": row.cluster,
                "unscored": row.unscored,
            }


def example_rows(sources: TableSources) -> Iterator[PlainRow]:
    """One row for each example and subject: what was asked, what was answered, and its leading score."""
    for evaluation, row in _scored(sources):
        headline = _headline(evaluation, row)
        yield {
            **_subject(evaluation),
            "task": row.task,
            "example": row.id,
            "question": row.question or row.prompt,
            "target": row.target,
            "output": row.output,
            "thinking": row.thinking,
            "metric": headline,
            "score": None if headline is None else row.metrics.get(headline),
        }


def delta_rows(sources: TableSources) -> Iterator[PlainRow]:
    """One row for each arm, eval and reference (its base, its control)."""
    for result in sources.comparison.results.values():
        for kind, contrast in (("base", result.versus_base), ("control", result.versus_control)):
            if contrast is not None:
                yield _delta_row(kind, contrast)


def _delta_row(kind: str, contrast: Contrast) -> PlainRow:
    delta = contrast.delta
    return {
        "eval": contrast.measurand,
        "arm": contrast.arm,
        "reference": contrast.reference,
        "against": kind,
        "difference": delta.estimate,
        "low": delta.low,
        "high": delta.high,
        "p_value": delta.p_value,
        "p_holm": contrast.p_adjusted,
        "reading": contrast.reading,
        "detectable": contrast.detectable,
        "examples": delta.n_examples,
        "missing": delta.n_missing,
        "seeds": contrast.seeds,
        "seeds_asked": contrast.seeds_asked,
        "noise": delta.noise,
        "method": delta.method,
    }


def cost_rows(sources: TableSources) -> Iterator[PlainRow]:
    """One row for each arm: what one training took, means over seeds."""
    for cost in sources.comparison.costs:
        yield {
            "arm": cost.arm,
            "seeds": cost.seeds,
            "seconds": cost.seconds,
            "tokens_per_second": cost.tokens_per_second,
            "shared_tokens_per_second": cost.shared_tokens_per_second,
            "memory_bytes": cost.memory_bytes,
            "memory_of_device": cost.memory_of_device,
            "steps": cost.steps,
            "epochs": cost.epochs,
            "rows": cost.rows,
            "tokens": cost.tokens,
            "supervised_tokens": cost.supervised_tokens,
            "slots": cost.slots,
            "parameters": cost.parameters,
            "trainable_parameters": cost.trainable_parameters,
            "flops": cost.flops,
            "mfu": cost.mfu,
            "joules": cost.joules,
            "price": cost.price,
        }


def claim_values(result: ClaimResult) -> PlainRow:
    """What a claim is on, its verdict, and the difference with its interval."""
    compared = result.delta
    return {
        "on": result.claim.measure,
        "margin": result.claim.margin,
        "verdict": result.verdict.outcome,
        "difference": None if compared is None else compared.estimate,
        "low": None if compared is None else compared.low,
        "high": None if compared is None else compared.high,
    }


def claim_rows(sources: TableSources) -> Iterator[PlainRow]:
    """One row for each claim, with its verdict."""
    for result in sources.comparison.claims:
        yield {
            "claim": result.claim.says,
            **claim_values(result),
            "ratio": None if result.ratio is None else result.ratio.ratio,
            "p_holm": result.verdict.adjusted_p,
            "seen": result.seen,
            "why": result.why,
        }


TABLES: dict[str, Callable[[TableSources], Iterator[PlainRow]]] = {
    "scores": score_rows,
    "deltas": delta_rows,
    "costs": cost_rows,
    "claims": claim_rows,
    "examples": example_rows,
}
"""Every table by name."""


def _scored(sources: TableSources) -> Iterator[tuple[EvaluationRecord, ScoreRow]]:
    for evaluation in sources.record.evaluations:
        for row in sources.rows.get((evaluation.eval, evaluation.subject), ()):
            yield evaluation, row


def _subject(evaluation: EvaluationRecord) -> PlainRow:
    base = evaluation.subject if evaluation.subject.startswith(BASE) else BASE
    return {
        "eval": evaluation.eval,
        "subject": evaluation.subject,
        "arm": evaluation.arm or base,
        "seed": evaluation.seed,
    }


def _headline(evaluation: EvaluationRecord, row: ScoreRow) -> str | None:
    """The metric that the report leads with, of this example's task."""
    measures = () if evaluation.result is None else evaluation.result.measures
    return next((measure.metric for measure in measures if measure.task == row.task and measure.headline), None)
