"""What a claim is decided by: a difference or a ratio, oriented so that more is better."""

from dataclasses import dataclass

import numpy as np

from bench.stats.conclusions.claim_types import ClaimQuestion
from bench.stats.curves.curve import Curve
from bench.stats.estimates.costs.ratio import Ratio
from bench.stats.estimates.delta import Delta
from bench.stats.noise.variance import Components


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimEvidence:
    """A comparison, oriented so that more is better; for a ratio, in logarithms."""

    estimate: float
    sign: float
    curve: Curve
    null_p: float
    components: Components
    examples: int
    seeds: int

    def at_most(self, threshold: float) -> float:
        """One-sided p-value against "the true value is at most `threshold`"."""
        below = self.curve.cdf(threshold) if self.sign > 0 else 1.0 - self.curve.cdf(-threshold)
        if threshold != 0:
            return below
        return max(below, self.null_p / 2) if below < 0.5 else min(below, 1.0 - self.null_p / 2)


def evidence_of(question: ClaimQuestion) -> ClaimEvidence | None:
    """`None` where there is no estimate or no interval."""
    sign = 1.0 if question.higher_is_better else -1.0
    match question.comparison:
        case Delta(estimate=float(value), curve=curve, p_value=float(p), components=Components() as parts) as delta:
            if curve is None:
                return None
            return ClaimEvidence(
                estimate=sign * value,
                sign=sign,
                curve=curve,
                null_p=p,
                components=parts,
                examples=delta.n_examples,
                seeds=max(delta.arm_seeds, delta.reference_seeds),
            )
        case Ratio(ratio=float(value), curve=curve, p_value=float(p)) as ratio:
            if curve is None:
                return None
            alone = _cost_components(ratio)
            return ClaimEvidence(
                estimate=sign * float(np.log(value)),
                sign=sign,
                curve=curve,
                null_p=p,
                components=ratio.components or alone,
                examples=ratio.n_examples,
                seeds=max(ratio.arm_seeds, ratio.reference_seeds),
            )
        case _:
            return None


def _cost_components(ratio: Ratio) -> Components:
    """Variance parts of a cost alone: all noise is that of the trainings."""
    return Components(
        example=0.0,
        seed=ratio.log_variance,
        rest=0.0,
        seed_degrees=ratio.degrees,
        replicates=float(min(ratio.arm_seeds, ratio.reference_seeds)),
        most_replicates=max(ratio.arm_seeds, ratio.reference_seeds),
    )


def threshold_of(question: ClaimQuestion) -> float:
    """The claim's margin on the scale of its evidence: for a ratio, in logarithms."""
    return float(np.log1p(question.margin)) if isinstance(question.comparison, Ratio) else question.margin
