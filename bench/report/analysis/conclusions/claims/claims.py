"""The suite's claims, decided: supported, refuted, inconclusive, or incomplete where a needed subject has no score.

Contract: pure. A claim is `incomplete` as soon as one seed replicate of either side is missing on what it is about,
whatever the others show (a failure is no random loss), or where its missing scores decide it. All claims but
exact ones are one family for Holm's adjustment.

A claim about what the suite trained once is `inconclusive`: nothing shows the noise of training again.
"Not worse" and "equal" are `inconclusive` on an eval that cannot distinguish the two sides (`assay_sensitivity.py`).
Between an arm and a deployed form of it with the same weights, to the last bit, it is `supported` without a statistic.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.record.record import Record
from bench.report.analysis.aligned.align import Aligned
from bench.report.analysis.aligned.deltas import Deltas
from bench.report.analysis.conclusions.claims.assay_sensitivity import if_sensitive
from bench.report.analysis.conclusions.claims.claim_case import ClaimCase, claim_case
from bench.report.analysis.conclusions.claims.looks import looks_at
from bench.report.analysis.conclusions.claims.verdict_sentence import margin_text, verdict_sentence
from bench.report.analysis.conclusions.claims.ways_to_decide import WayToDecide, ways_text, ways_to_decide
from bench.report.analysis.conclusions.difference_words import asked_words, difference_words, ratio_words
from bench.report.analysis.run_facts.absence import Absence
from bench.report.analysis.run_facts.subjects import seeds_of
from bench.report.analysis.scores.results import Result
from bench.report.analysis.training.costs.cost_kinds import COSTS, CostKind, figures
from bench.report.analysis.training.deployed import deployed_arms
from bench.report.render import format as fmt
from bench.stats.conclusions.claim_types import (
    DECIDED,
    ClaimOutcome,
    ClaimQuestion,
    ClaimRelation,
    ClaimVerdict,
    thresholds,
)
from bench.stats.conclusions.claims import decide_family
from bench.stats.estimates.costs.efficiency import Costly, efficiency_prior, efficiency_ratio
from bench.stats.estimates.costs.ratio import Ratio, cost_ratio
from bench.stats.estimates.delta import Delta
from bench.suite.tables.arms.arms import is_base
from bench.suite.tables.conclusions.claim import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimResult:
    """A claim of the suite, decided."""

    claim: Claim
    verdict: ClaimVerdict
    delta: Delta | None
    """Left minus right, in the eval's units; `None` where nothing could be compared, and of a cost."""
    ratio: Ratio | None
    """Left by right, of a cost or of quality per cost."""
    margin: str
    """In the eval's units, or as per cent of a cost."""
    asked: str
    """What the claim asks of its left side, such as `not worse by more than 2.0 points`."""
    seen: str | None
    """The difference in words, such as `better by 46.5 points (41.4 to 51.3)`; `None` where there is none."""
    ways: tuple[WayToDecide, ...]
    """What would decide an open claim, the cheapest first."""
    why: str
    """What the interval shows, what is missing, or what would decide."""

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Differences in favour of the left side at which the verdict changes."""
        return thresholds(self.claim.parts()[1], self.claim.margin)

    @property
    def unclear(self) -> bool:
        """Whether a difference of scores is seen that may go either way."""
        low, high = (None if self.delta is None else self.delta.tested_interval) or (1.0, 1.0)
        return self.seen is not None and low <= 0 <= high

    @property
    def leans(self) -> ClaimOutcome | None:
        """The verdict of an inconclusive claim if its estimate is true; `None` of any other, or where that is
        unknown."""
        verdict = self.verdict
        return verdict.leaning if verdict.outcome == "inconclusive" and verdict.leaning in DECIDED else None

    @property
    def needed(self) -> str | None:
        """`about 590 examples (now 40; range 380 to 1,200)`: what would decide it, or what it lacks; `None` where it is
        decided."""
        return None if self.verdict.outcome in DECIDED else self.needed_by(self.ways, spread=True)

    def needed_by(self, ways: tuple[WayToDecide, ...], *, spread: bool = False) -> str:
        """What would decide an open claim in one of these ways, or what it lacks. spread: with the range of numbers."""
        if self.verdict.reason is not None:
            return self.why
        return ways_text(ways, spread=spread) or "no number of examples or seeds within reach"


def decided(
    record: Record,
    aligned: Sequence[Aligned],
    absences: Sequence[Absence],
    deltas: Deltas,
    results: Mapping[tuple[str, str], Result],
) -> tuple[ClaimResult, ...]:
    """One result per claim, in the suite's order."""
    entries = {entry.measurand.name: entry for entry in aligned}
    cases = [claim_case(claim, record, entries, absences) for claim in record.resolved.suite.claim]
    comparisons = [None if case.gap is not None else _comparison(case, record, deltas) for case in cases]
    questions = [_question(case, comparison, record) for case, comparison in zip(cases, comparisons, strict=True)]
    decisions = [_named(case, verdict) for case, verdict in zip(cases, decide_family(questions), strict=True)]
    verdicts = [if_sensitive(case, verdict, results, deltas) for case, verdict in zip(cases, decisions, strict=True)]
    same = {frozenset((form.arm, form.trained)) for form in deployed_arms(record) if form.same_weights}
    verdicts = [_with_training_noise(case, verdict) for case, verdict in zip(cases, verdicts, strict=True)]
    verdicts = [_by_identity(case, verdict, same) for case, verdict in zip(cases, verdicts, strict=True)]
    family = sum(not _exact(comparison) for comparison in comparisons)
    single = len(seeds_of(record)) == 1
    ways = [
        ways_to_decide(case, verdict, comparison, record)
        for case, verdict, comparison in zip(cases, verdicts, comparisons, strict=True)
    ]
    return tuple(
        ClaimResult(
            claim=case.claim,
            verdict=verdict,
            delta=comparison if isinstance(comparison, Delta) else None,
            ratio=comparison if isinstance(comparison, Ratio) else None,
            margin=margin_text(case.claim),
            asked=asked_words(case.claim, None if case.entry is None else case.entry.measurand),
            seen=_seen(case, comparison, verdict, family=len(cases)),
            ways=way,
            why=verdict_sentence(case.claim, verdict, comparison, way, family=family, single_seed=single),
        )
        for case, verdict, comparison, way in zip(cases, verdicts, comparisons, ways, strict=True)
    )


def _exact(comparison: Delta | Ratio | None) -> bool:
    return isinstance(comparison, Ratio) and comparison.exact


_SAME_WEIGHTS = "both sides have the same weights, to the last bit"
_DIRECTED = {("supported", ">"), ("refuted", ">="), ("refuted", "==")}
"""Verdicts that show which side is better, by outcome and relation."""


def _seen(case: ClaimCase, comparison: Delta | Ratio | None, verdict: ClaimVerdict, *, family: int) -> str | None:
    proven = (verdict.outcome, case.claim.parts()[1]) in _DIRECTED
    if isinstance(comparison, Ratio):
        return ratio_words(comparison, case.claim, proven=proven)
    if comparison is None or case.entry is None:
        return None
    if verdict.reason == _SAME_WEIGHTS:
        return "the same weights"
    return difference_words(comparison, case.entry.measurand, family=family, proven=proven)


def _named(case: ClaimCase, verdict: ClaimVerdict) -> ClaimVerdict:
    """The verdict with the arms whose missing scores decide it, and what they could make of it."""
    outcomes = verdict.missing_scores
    if outcomes is None or case.entry is None:
        return verdict
    left, _, right = case.claim.parts()
    shares = {side: case.entry.missing_share(side) for side in (left, right)}
    lack = " and ".join(f"{side} lacks {fmt.percent(share)} of its scores" for side, share in shares.items() if share)
    reason = f"{lack}, which decide the claim: {outcomes.as_scored} as scored, "
    reason += f"{outcomes.against} if they all count against {left}, {outcomes.in_favour} if all count for it"
    return replace(verdict, reason=reason)


def _with_training_noise(case: ClaimCase, verdict: ClaimVerdict) -> ClaimVerdict:
    """The verdict, or inconclusive where it knows nothing of the noise of training again: more seeds would make it less
    sure, and no number of examples sure. Exact counts have no such noise."""
    if verdict.p_value is None or verdict.reason is not None or not case.lone:
        return verdict
    shown = f"{verdict.outcome} for" if verdict.outcome in DECIDED else "open even for"
    once = f"{fmt.listed(case.lone)} {'was' if len(case.lone) == 1 else 'were'} trained once"
    reason = f"{shown} these trainings alone: {once}, and only a second seed shows the noise of training again"
    return verdict.undecided("inconclusive", reason)


def _by_identity(case: ClaimCase, verdict: ClaimVerdict, same: Container[frozenset[str]]) -> ClaimVerdict:
    """The verdict, or supported where both sides are the same weights: no example could show a difference."""
    left, relation, right = case.claim.parts()
    if case.gap is not None or case.claim.cost is not None or relation == ">" or frozenset((left, right)) not in same:
        return verdict
    return replace(verdict, outcome="supported", reason=_SAME_WEIGHTS, p_value=None, adjusted_p=None)


def _comparison(case: ClaimCase, record: Record, deltas: Deltas) -> Delta | Ratio:
    """Paired scores, costs, or both."""
    left, _, right = case.claim.parts()
    if case.claim.cost is None:
        assert case.entry is not None, "a claim without a cost is on an eval"
        return deltas.between(case.entry, left, right)
    kind = COSTS[case.claim.cost]
    spent = [figures(record, side, kind) for side in (left, right)]
    if case.entry is None:
        return cost_ratio(*spent, counted=kind.counted)
    costly = _costly(case.entry, record, kind)
    return efficiency_ratio(
        costly[left],
        costly[right],
        counted=kind.counted,
        seed=deltas.seed,
        replicates=deltas.replicates,
        prior=efficiency_prior(costly.values()),
    )


def _costly(entry: Aligned, record: Record, kind: CostKind) -> dict[str, Costly]:
    """Scores and costs of the arms whose trainings all have a cost."""
    costly: dict[str, Costly] = {}
    for arm, scores in entry.arms.items():
        spent = [] if is_base(arm) else [value for value in figures(record, arm, kind) if value is not None]
        if len(spent) == scores.values.shape[0]:
            costly[arm] = (scores, spent)
    return costly


def _question(case: ClaimCase, comparison: Delta | Ratio | None, record: Record) -> ClaimQuestion:
    relation: ClaimRelation = case.claim.parts()[1] if case.gap is None else ">="
    if case.claim.cost is not None:
        higher = case.claim.per is not None
    else:
        higher = case.entry is None or case.entry.measurand.higher_is_better
    return ClaimQuestion(
        relation=relation,
        comparison=comparison,
        margin=case.claim.margin,
        higher_is_better=higher,
        missing=case.gap or "nothing to compare",
        looks=looks_at(case.claim, record, None if comparison is None else comparison.components),
    )
