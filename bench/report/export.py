"""The comparison as JSON, for scripts: every figure of the report unrounded, every verdict as a word.

Contract: plain dicts, lists, strings, numbers and `None`; never NaN. Keys are stable.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, TypeAlias

from bench.report.analysis.align import Run
from bench.report.analysis.claims import ClaimResult
from bench.report.analysis.comparison import Comparison, compare
from bench.report.analysis.contamination import Cleaned, Contamination
from bench.report.analysis.cost import Cost
from bench.report.analysis.judge import JudgedArm
from bench.report.analysis.results import Contrast, Result
from bench.report.analysis.tradeoff import Tradeoff
from bench.report.sanity.checks import findings
from bench.report.sections.flips import FILE
from bench.stats.variance import Components

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
        "simulation": next((one.simulation for one in record.resolved.bases().values() if one.simulation), None),
        "question": record.resolved.suite.question,
        "complete": comparison.completeness.complete,
        "completeness": asdict(comparison.completeness),
        "claims": [_claim(claim) for claim in comparison.claims],
        "results": [_result(result) for result in comparison.results.values()],
        "ranks": {
            name: {rank.name: [rank.best, rank.worst] for rank in ranks} for name, ranks in comparison.ranks.items()
        },
        "costs": [_cost(cost) for cost in comparison.costs],
        "contamination": _contamination(comparison.contamination),
        "flips": {
            "counts": [asdict(count) for count in comparison.flips.counts],
            "shown": [asdict(flip) for flip in comparison.flips.shown],
            "file": FILE,
        },
        "judged": [_judged(one) for one in comparison.judged],
        "tradeoffs": [_tradeoff(one) for one in comparison.tradeoffs],
        "sanity": [asdict(finding) for finding in findings(comparison)],
        "missing": [asdict(absence) for absence in comparison.absences],
    }


def _claim(result: ClaimResult) -> Json:
    verdict, delta, ratio = result.verdict, result.delta, result.ratio
    compared = delta if ratio is None else ratio
    return {
        **result.claim.model_dump(mode="json"),
        "verdict": verdict.outcome,
        "reason": result.gap or verdict.reason,
        "difference": None if delta is None else delta.estimate,
        "ratio": None if ratio is None else ratio.ratio,
        "low": None if compared is None else compared.low,
        "high": None if compared is None else compared.high,
        "p_value": verdict.p_value,
        "p_holm": verdict.adjusted_p,
        "needed_examples": verdict.needed_examples,
        "needed_seeds": verdict.needed_seeds,
        "needed_together": None if verdict.needed_together is None else list(verdict.needed_together),
    }


def _contamination(found: Contamination) -> Json:
    def twice(cleaned: Cleaned | None) -> Json | None:
        if cleaned is None:
            return None
        sides = {"all": cleaned.all, "without": cleaned.clean}
        figures = {name: {"difference": d.estimate, "low": d.low, "high": d.high} for name, d in sides.items()}
        return {"reference": cleaned.reference, "left_out": cleaned.left_out, **figures}

    return {
        "ngram": found.ngram,
        "shortest": found.shortest,
        "checked": [asdict(one) for one in found.checked],
        "arms": [
            {
                "arm": one.arm,
                "eval": one.measurand,
                "examples": one.examples,
                "contaminated": one.found,
                "versus_base": twice(one.versus_base),
                "versus_control": twice(one.versus_control),
            }
            for one in found.arms
        ],
    }


def _tradeoff(one: Tradeoff) -> Json:
    return {
        "eval": one.measurand.name,
        "cost": one.cost.name,
        "points": [
            {**asdict(point), "standing": one.standings[point.name].standing, "by": list(one.standings[point.name].by)}
            for point in one.points
        ],
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
        "components": None if delta.components is None else _components(delta.components),
        "reason": delta.reason,
    }


def _judged(one: JudgedArm) -> Json:
    """Ties hold the pairs with the same text, and the share of preferences stands for their two counts."""
    counts = one.total.model_dump(mode="json", exclude={"against", "identical", "first_preferred", "second_preferred"})
    return {
        "eval": one.eval,
        "arm": one.arm,
        **counts,
        "against": one.against,
        "ties": one.ties,
        "consistency": one.total.consistency,
        "first_preferred": one.shown_first,
        "controlled": None if one.controlled is None else asdict(one.controlled),
    }


def _components(parts: Components) -> Json:
    return {"example": parts.example, "seed": parts.seed, "rest": parts.rest}


def _cost(cost: Cost) -> Json:
    return {**asdict(cost), "budget": cost.budget.model_dump(mode="json")}
