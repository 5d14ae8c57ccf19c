"""What a run says about the statements that its suite asks it to decide.

Contract: a claim is supported, or refuted, only where the two-sided interval at level 1 - alpha is wholly on one
side of its threshold; with several claims, after Holm's adjustment over all of them. With one claim, a true null is
supported with probability alpha/2 at most. What the run could not show is inconclusive, what it did not do is
incomplete, and so is what its missing scores decide.

With the delta oriented so that more is better, and a margin m >= 0:
`>=` non-inferiority, threshold -m; `>` superiority, threshold +m; `==` equivalence, thresholds -m and +m (two one-sided
tests, Schuirmann 1987). On a ratio the thresholds are -log(1 + m) and +log(1 + m). An exact ratio (of counts) is
decided by itself, without a p-value, and is no member of the family.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.stats.conclusions.claim_types import (
    ALPHA,
    ClaimOutcome,
    ClaimQuestion,
    ClaimRelation,
    ClaimVerdict,
    Looks,
    MissingVerdicts,
)
from bench.stats.conclusions.multiplicity import holm
from bench.stats.conclusions.sequential import sequential_p
from bench.stats.curves.curve import Curve, TiedCurve
from bench.stats.estimates.costs.ratio import Ratio
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.power import Needed, needed, needed_range, needed_unseen
from bench.stats.noise.variance import Components


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
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


def decide(
    relation: ClaimRelation,
    comparison: Delta | Ratio | None,
    *,
    margin: float = 0.0,
    alpha: float = ALPHA,
    higher_is_better: bool = True,
    plan: bool = True,
) -> ClaimVerdict:
    """The verdict of one claim alone."""
    question = ClaimQuestion(relation=relation, comparison=comparison, margin=margin, higher_is_better=higher_is_better)
    return decide_family([question], alpha=alpha, plan=plan)[0]


def decide_family(
    questions: Sequence[ClaimQuestion], *, alpha: float = ALPHA, plan: bool = True
) -> tuple[ClaimVerdict, ...]:
    """The verdicts of all claims of a suite, with Holm's adjustment over all but exact ones.

    A claim that cannot be tested counts as one that found nothing. A claim whose outcome is another one with its
    missing scores counted for or against it is incomplete. plan: whether to say what would decide an open claim.
    """
    verdicts = _decided(questions, alpha=alpha, plan=plan)
    return tuple(_with_missing(questions, verdicts[place], place, alpha=alpha) for place in range(len(questions)))


def _with_missing(
    questions: Sequence[ClaimQuestion], verdict: ClaimVerdict, place: int, *, alpha: float
) -> ClaimVerdict:
    """The verdict of one claim, or incomplete where it is not the same in both worst cases of its missing scores."""
    question = questions[place]
    extremes = None if question.comparison is None else question.comparison.extremes
    if extremes is None or verdict.outcome == "incomplete":
        return verdict
    against, in_favour = (
        _decided(
            [*questions[:place], replace(question, comparison=case), *questions[place + 1 :]], alpha=alpha, plan=False
        )[place]
        for case in (extremes if question.higher_is_better else extremes[::-1])
    )
    if {against.outcome, in_favour.outcome} == {verdict.outcome}:
        return verdict
    outcomes = MissingVerdicts(as_scored=verdict.outcome, against=against.outcome, in_favour=in_favour.outcome)
    return replace(
        verdict,
        outcome="incomplete",
        reason="the outcome depends on missing scores",
        needed_examples=None,
        needed_seeds=None,
        needed_together=None,
        examples_range=None,
        seeds_range=None,
        needed_level=None,
        missing_scores=outcomes,
    )


def _decided(questions: Sequence[ClaimQuestion], *, alpha: float, plan: bool) -> tuple[ClaimVerdict, ...]:
    """The verdicts from the scores that are there."""
    evidence = [_evidence(question) for question in questions]
    exact = [_exact_verdict(question) for question in questions]
    tests = [
        None if comparison is None else _test(question, comparison)
        for question, comparison in zip(questions, evidence, strict=True)
    ]
    corrected = [
        None if test is None else _over_looks(test[1], question.looks)
        for question, test in zip(questions, tests, strict=True)
    ]
    tested = [place for place, certain in enumerate(exact) if certain is None]
    adjusted = dict(zip(tested, holm([corrected[place] for place in tested]), strict=True))
    size = len(tested)
    return tuple(
        certain or _undecidable(question)
        if comparison is None or test is None or sequential is None or (p := adjusted.get(place)) is None
        else _verdict(question, comparison, test, (sequential, p), size=size, alpha=alpha, plan=plan)
        for place, (question, certain, comparison, test, sequential) in enumerate(
            zip(questions, exact, evidence, tests, corrected, strict=True)
        )
    )


def _over_looks(p_value: float, looks: Looks | None) -> float:
    return p_value if looks is None else sequential_p(p_value, looks.fractions, looks.spending, place=looks.place)


def _exact_verdict(question: ClaimQuestion) -> ClaimVerdict | None:
    """Verdict on a ratio without noise; `None` for every other comparison."""
    comparison = question.comparison
    if not isinstance(comparison, Ratio) or not comparison.exact or comparison.ratio is None:
        return None
    margin = _threshold(question)
    gain = float(np.log(comparison.ratio)) * (1.0 if question.higher_is_better else -1.0)
    slack = 1e-12  # of the logarithms
    holds = {">=": gain >= -margin - slack, ">": gain > margin + slack, "==": abs(gain) <= margin + slack}
    outcome: ClaimOutcome = "supported" if holds[question.relation] else "refuted"
    return ClaimVerdict(
        outcome=outcome,
        reason=None,
        leaning=outcome,
        p_value=None,
        sequential_p=None,
        adjusted_p=None,
        needed_examples=None,
        needed_seeds=None,
    )


def _evidence(question: ClaimQuestion) -> _Evidence | None:
    """`None` where there is no estimate or no interval."""
    sign = 1.0 if question.higher_is_better else -1.0
    match question.comparison:
        case Delta(estimate=float(value), curve=curve, p_value=float(p), components=Components() as parts) as delta:
            if curve is None:
                return None
            return _Evidence(
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
            return _Evidence(
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


def _threshold(question: ClaimQuestion) -> float:
    return float(np.log1p(question.margin)) if isinstance(question.comparison, Ratio) else question.margin


def _test(question: ClaimQuestion, evidence: _Evidence) -> tuple[ClaimOutcome, float]:
    """The likelier of the two decided outcomes, with its two-sided p-value."""
    margin = _threshold(question)
    if question.relation == "==":
        support = max(evidence.at_most(-margin), 1.0 - evidence.at_most(margin))
        refute = min(evidence.at_most(margin), 1.0 - evidence.at_most(-margin))
    else:
        support = evidence.at_most(-margin if question.relation == ">=" else margin)
        refute = 1.0 - support
    p_value = min(1.0, 2.0 * min(support, refute))
    return ("supported" if support <= refute else "refuted"), p_value


def _side_of_estimate(question: ClaimQuestion, evidence: _Evidence) -> ClaimOutcome:
    """The outcome if the estimate is the truth, as `_needed` assumes.

    The likelier outcome may be the other one: on the logit scale, an interval near 0 or 1 reaches further to one side.
    """
    margin = _threshold(question)
    holds = {
        ">=": evidence.estimate >= -margin,
        ">": evidence.estimate > margin,
        "==": abs(evidence.estimate) <= margin,
    }
    return "supported" if holds[question.relation] else "refuted"


def _verdict(
    question: ClaimQuestion,
    evidence: _Evidence,
    test: tuple[ClaimOutcome, float],
    corrected: tuple[float, float],
    *,
    size: int,
    alpha: float,
    plan: bool,
) -> ClaimVerdict:
    likelier, p_value = test
    sequential, adjusted = corrected
    decided = adjusted <= alpha
    nothing = Needed(examples=None, seeds=None)
    plans = (nothing,) * 3 if decided or not plan else _needed(question, evidence, 1.0 - alpha / size)
    more, fewest, most = plans
    return ClaimVerdict(
        outcome=likelier if decided else "inconclusive",
        reason=None,
        leaning=likelier if decided else _side_of_estimate(question, evidence),
        p_value=p_value,
        sequential_p=sequential,
        adjusted_p=adjusted,
        needed_examples=more.examples,
        needed_seeds=more.seeds,
        needed_together=more.together,
        examples_range=None if more.examples is None else (fewest.examples, most.examples),
        seeds_range=None if more.seeds is None else (fewest.seeds, most.seeds),
        needed_level=None if decided else alpha / size,
        looks=1 if question.looks is None else question.looks.count,
    )


def _needed(question: ClaimQuestion, evidence: _Evidence, level: float) -> tuple[Needed, Needed, Needed]:
    """Examples and seeds that would decide: with the noise as seen, and at both ends of its range."""
    margin = _threshold(question)
    thresholds = {">=": (-margin,), ">": (margin,), "==": (-margin, margin)}[question.relation]
    nearest = min(thresholds, key=lambda threshold: abs(evidence.estimate - threshold))
    distance, examples = abs(evidence.estimate - nearest), max(1, evidence.examples)
    if isinstance(evidence.curve, TiedCurve):
        tied = evidence.curve
        reach = tied.above if (nearest > evidence.estimate) == (evidence.sign > 0) else tied.below
        count = needed_unseen(distance, reach, units=tied.units, examples=examples, level=level)
        return (Needed(examples=count, seeds=None),) * 3
    seen = needed(distance, evidence.components, examples=examples, level=level)
    ends = needed_range(distance, evidence.components, examples=examples, level=level)
    first, low, high = (_whole_draws(counts, evidence) for counts in (seen, *ends))
    return first, low, high


def _whole_draws(counts: Needed, evidence: _Evidence) -> Needed:
    """With all seeds of each subset draw."""
    per_draw = max(1, evidence.seeds // evidence.components.most_replicates)
    return Needed(
        examples=counts.examples if evidence.examples else None,
        seeds=None if counts.seeds is None else counts.seeds * per_draw,
        together=None
        if counts.together is None or not evidence.examples
        else (counts.together[0], counts.together[1] * per_draw),
    )


def _undecidable(question: ClaimQuestion) -> ClaimVerdict:
    comparison = question.comparison
    value = None
    if comparison is not None:
        value = comparison.ratio if isinstance(comparison, Ratio) else comparison.estimate
    reason = None if comparison is None else comparison.reason
    return ClaimVerdict(
        outcome="incomplete" if value is None else "inconclusive",
        reason=reason or question.missing,
        leaning=None,
        p_value=None,
        sequential_p=None,
        adjusted_p=None,
        needed_examples=None,
        needed_seeds=None,
    )
