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
from dataclasses import replace

import numpy as np

from bench.stats.conclusions.claim_evidence import ClaimEvidence, evidence_of, threshold_of
from bench.stats.conclusions.claim_plan import needed_to_decide
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
from bench.stats.estimates.costs.ratio import Ratio
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.power import Needed


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
    return replace(verdict.undecided("incomplete", "the outcome depends on missing scores"), missing_scores=outcomes)


def _decided(questions: Sequence[ClaimQuestion], *, alpha: float, plan: bool) -> tuple[ClaimVerdict, ...]:
    """The verdicts from the scores that are there."""
    evidence = [evidence_of(question) for question in questions]
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
    margin = threshold_of(question)
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


def _test(question: ClaimQuestion, evidence: ClaimEvidence) -> tuple[ClaimOutcome, float]:
    """The likelier of the two decided outcomes, with its two-sided p-value."""
    margin = threshold_of(question)
    if question.relation == "==":
        support = max(evidence.at_most(-margin), 1.0 - evidence.at_most(margin))
        refute = min(evidence.at_most(margin), 1.0 - evidence.at_most(-margin))
    else:
        support = evidence.at_most(-margin if question.relation == ">=" else margin)
        refute = 1.0 - support
    p_value = min(1.0, 2.0 * min(support, refute))
    return ("supported" if support <= refute else "refuted"), p_value


def _side_of_estimate(question: ClaimQuestion, evidence: ClaimEvidence) -> ClaimOutcome:
    """The outcome if the estimate is the truth, as `needed_to_decide` assumes.

    The likelier outcome may be the other one: on the logit scale, an interval near 0 or 1 reaches further to one side.
    """
    margin = threshold_of(question)
    holds = {
        ">=": evidence.estimate >= -margin,
        ">": evidence.estimate > margin,
        "==": abs(evidence.estimate) <= margin,
    }
    return "supported" if holds[question.relation] else "refuted"


def _verdict(
    question: ClaimQuestion,
    evidence: ClaimEvidence,
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
    plans = (nothing,) * 3 if decided or not plan else needed_to_decide(question, evidence, 1.0 - alpha / size)
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
        together_range=None if more.together is None else _examples_together(fewest, most),
        needed_level=None if decided else alpha / size,
        looks=1 if question.looks is None else question.looks.count,
    )


def _examples_together(fewest: Needed, most: Needed) -> tuple[int | None, int | None]:
    low, high = (None if end.together is None else end.together[0] for end in (fewest, most))
    return low, high


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
