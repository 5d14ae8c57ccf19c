"""What would decide an open claim: more examples, more seeds, or both."""

from dataclasses import replace

from bench.stats.conclusions.claim_evidence import ClaimEvidence, threshold_of
from bench.stats.conclusions.claim_types import ClaimQuestion, thresholds
from bench.stats.curves.curve import TiedCurve
from bench.stats.estimates.power import Needed, needed, needed_range, needed_unseen, together_range


def needed_to_decide(question: ClaimQuestion, evidence: ClaimEvidence, level: float) -> tuple[Needed, Needed, Needed]:
    """Examples and seeds that would decide: with the noise as seen, and at both ends of its range."""
    ends = thresholds(question.relation, threshold_of(question))
    nearest = min(ends, key=lambda threshold: abs(evidence.estimate - threshold))
    distance, examples = abs(evidence.estimate - nearest), max(1, evidence.examples)
    if isinstance(evidence.curve, TiedCurve):
        tied = evidence.curve
        reach = tied.above if (nearest > evidence.estimate) == (evidence.sign > 0) else tied.below
        count = needed_unseen(distance, reach, units=tied.units, examples=examples, level=level)
        return (Needed(examples=count, seeds=None),) * 3
    seen = needed(distance, evidence.components, examples=examples, level=level)
    fewest, most = needed_range(distance, evidence.components, examples=examples, level=level)
    if seen.together is not None:
        seeds = seen.together[1]
        low_count, high_count = together_range(distance, evidence.components, seeds, examples=examples, level=level)
        fewest, most = _beside(fewest, low_count, seeds), _beside(most, high_count, seeds)
    first, low, high = (_whole_draws(counts, evidence) for counts in (seen, fewest, most))
    return first, low, high


def _beside(alone: Needed, examples: int | None, seeds: int) -> Needed:
    """With the examples that decide together with so many seeds."""
    return replace(alone, together=None if examples is None else (examples, seeds))


def _whole_draws(counts: Needed, evidence: ClaimEvidence) -> Needed:
    """With all seeds of each subset draw."""
    per_draw = max(1, evidence.seeds // evidence.components.most_replicates)
    return Needed(
        examples=counts.examples if evidence.examples else None,
        seeds=None if counts.seeds is None else counts.seeds * per_draw,
        together=None
        if counts.together is None or not evidence.examples
        else (counts.together[0], counts.together[1] * per_draw),
    )
