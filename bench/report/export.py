"""The comparison as JSON, for scripts: every figure of the report unrounded, every verdict as a word.

Contract: plain dicts, lists, strings, numbers and `None`; never NaN. Keys are stable.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, TypeAlias

from bench.report.align import Run
from bench.report.claims import ClaimResult
from bench.report.comparison import Comparison, compare
from bench.report.cost import Cost
from bench.report.results import Contrast, Result
from bench.report.sanity import findings

Json: TypeAlias = dict[str, Any]


def report_json(run: Run) -> Json:
    """What `bench report RUN --json` prints. Raises `InputError` where the record or the scores cannot be read."""
    return comparison_json(compare(run))


def comparison_json(comparison: Comparison) -> Json:
    """The same for a comparison that is at hand."""
    record = comparison.record
    return {
        "suite": record.resolved.suite.name,
        "profile": record.resolved.profile,
        "digest": record.digest,
        "simulation": record.resolved.model.simulation,
        "question": record.resolved.suite.question,
        "complete": comparison.complete,
        "claims": [_claim(claim) for claim in comparison.claims],
        "results": [_result(result) for result in comparison.results.values()],
        "ranks": {
            name: {rank.name: [rank.best, rank.worst] for rank in ranks} for name, ranks in comparison.ranks.items()
        },
        "costs": [_cost(cost) for cost in comparison.costs],
        "sanity": [asdict(finding) for finding in findings(comparison)],
        "missing": [asdict(absence) for absence in comparison.absences],
    }


def _claim(result: ClaimResult) -> Json:
    verdict, delta = result.verdict, result.delta
    return {
        **result.claim.model_dump(mode="json"),
        "verdict": verdict.outcome,
        "reason": result.gap or verdict.reason,
        "difference": None if delta is None else delta.estimate,
        "low": None if delta is None else delta.low,
        "high": None if delta is None else delta.high,
        "p_value": verdict.p_value,
        "p_holm": verdict.adjusted_p,
        "needed_examples": verdict.needed_examples,
        "needed_seeds": verdict.needed_seeds,
    }


def _result(result: Result) -> Json:
    measurand, value = result.measurand, result.value
    return {
        "arm": result.arm,
        "eval": measurand.name,
        "role": measurand.role,
        "metrics": dict(measurand.metrics),
        "higher_is_better": measurand.higher_is_better,
        "chance": measurand.chance,
        "score": value.mean,
        "low": value.low,
        "high": value.high,
        "by_seed": list(result.by_seed),
        "seed_deviation": value.seed_deviation,
        "examples": value.n_examples,
        "examples_missing": value.n_missing,
        "versus_base": _contrast(result.versus_base),
        "versus_control": _contrast(result.versus_control),
        "missing": [asdict(absence) for absence in result.absent],
    }


def _contrast(contrast: Contrast | None) -> Json | None:
    if contrast is None:
        return None
    delta = contrast.delta
    return {
        "reference": contrast.reference,
        "difference": delta.estimate,
        "low": delta.low,
        "high": delta.high,
        "p_value": delta.p_value,
        "p_holm": contrast.p_adjusted,
        "reading": contrast.reading,
        "detectable": delta.mde,
        "above": delta.n_better,
        "below": delta.n_worse,
        "examples": delta.n_examples,
        "examples_missing": delta.n_missing,
        "method": delta.method,
        "noise": delta.noise,
        "reason": delta.reason,
    }


def _cost(cost: Cost) -> Json:
    return {**asdict(cost), "budget": cost.budget.model_dump(mode="json")}
