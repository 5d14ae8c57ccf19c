"""What the run answers, in a few sentences: what to take, by how much, at what price, and what is still open.

Contract: pure, composed from verdicts, the decision and resolved differences, and says nothing beyond them. Where
nothing is decided, that comes first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.claims import ClaimResult
from bench.report.analysis.decision import Decision
from bench.report.analysis.scores.results import Result
from bench.report.analysis.training.cost import Cost
from bench.report.render import format as fmt
from bench.stats.conclusions.claim_types import ClaimOutcome
from bench.stats.estimates.delta import Delta
from bench.suite.tables.suite import is_base

_MOST_CLAIMS = 2
"""Claims that the answer quotes; the verdicts' table has all."""
_WORSE = frozenset({"worse", "maybe worse"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The report's first sentences."""

    decided: bool
    """Whether the first sentence says what to do."""
    lead: str
    """What to do, or that the run does not decide it."""
    evidence: tuple[str, ...]
    """Differences behind it, with their intervals; what is lost against the base; the price of one training."""
    still_open: tuple[str, ...]
    """Claims without a verdict, each with what would decide it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSources:
    """What an answer is composed from."""

    simulation: bool
    decision: Decision | None
    claims: Sequence[ClaimResult]
    measurands: Sequence[Measurand]
    results: Mapping[tuple[str, str], Result]
    costs: Sequence[Cost]


def answer(sources: AnswerSources) -> Answer | None:
    """The answer; `None` of a run that asks nothing: without claims and without a decision."""
    if sources.decision is None and not sources.claims:
        return None
    chosen = _chosen(sources.decision)
    decided, lead = _lead(sources)
    claimed = [sentence for sentence in _claimed(sources, chosen) if not lead.startswith(sentence)]
    evidence = [*claimed, *_lost(sources, chosen), *_price(sources, chosen)]
    return Answer(
        decided=decided,
        lead=f"In this simulation: {lead[0].lower()}{lead[1:]}" if sources.simulation else lead,
        evidence=tuple(evidence),
        still_open=tuple(
            f"{result.claim.says} on {result.claim.measure}: {result.why}"
            for result in sources.claims
            if result.verdict.outcome in ("inconclusive", "incomplete")
        ),
    )


def _chosen(decision: Decision | None) -> str | None:
    """The arm or base that the run decides for."""
    return decision.pick if decision is not None and decision.outcome == "decided" else None


def _lead(sources: AnswerSources) -> tuple[bool, str]:
    """Whether the run decides something, and what."""
    decision, claims = sources.decision, sources.claims
    if decision is None:
        if not any(result.verdict.outcome in ("supported", "refuted") for result in claims):
            return False, f"Nothing is decided: {_counted(claims)}."
        first = next(_claimed(sources, None))
        return True, f"{first} In all, {_counted(claims)}." if len(claims) > 1 else first
    if decision.outcome == "decided" and decision.pick is not None:
        prospect = decision.option(decision.pick).prospect
        most = f"best of {len(decision.options)} with a probability of"
        sure = "" if prospect is None else f"; it is the {most} {_percent(prospect.best)}"
        take = "Keep the base" if is_base(decision.pick) else f"Take {decision.pick}"
        return True, f"{take}, by {fmt.listed([weight.name for weight in decision.weights])}{sure}."
    leader = "" if decision.leader is None else f" {decision.leader} leads."
    return False, f"Not decided which arm to take: {'; '.join(decision.reasons) or 'scores are missing'}.{leader}"


_OUTCOMES: tuple[ClaimOutcome, ...] = ("supported", "refuted", "inconclusive", "incomplete")


def _counted(claims: Sequence[ClaimResult]) -> str:
    """`all 4 claims are supported`, or `of 4 claims 3 are supported and 1 is refuted`."""
    outcomes = Counter(result.verdict.outcome for result in claims)
    if len(outcomes) == 1:
        return f"{'the claim is' if len(claims) == 1 else f'all {len(claims)} claims are'} {next(iter(outcomes))}"
    parts = [
        f"{outcomes[name]} {'is' if outcomes[name] == 1 else 'are'} {name}" for name in _OUTCOMES if outcomes[name]
    ]
    return f"of {len(claims)} claims {fmt.listed(parts)}"


def _claimed(sources: AnswerSources, chosen: str | None) -> Iterator[str]:
    """Decided claims in words, those about the chosen arm first, one for each measure."""
    decided = [result for result in sources.claims if result.verdict.outcome in ("supported", "refuted")]
    decided.sort(key=lambda result: result.claim.parts()[0] != chosen)
    said = dict[str, str]()
    for result in decided:
        if result.claim.measure not in said:
            said[result.claim.measure] = _in_words(result, sources.measurands)
    yield from list(said.values())[:_MOST_CLAIMS]


def _in_words(result: ClaimResult, measurands: Sequence[Measurand]) -> str:
    """`On qa a is better than b by 46.5 points (41.4 to 51.3); asked: not worse by more than 2.0 points.`"""
    left, relation, right = result.claim.parts()
    measurand = next((entry for entry in measurands if entry.name == result.claim.on), None)
    delta = result.delta
    if measurand is None or delta is None or delta.estimate is None or delta.low is None or delta.high is None:
        return f"{result.claim.says} on {result.claim.measure} is {result.verdict.outcome}: {result.why}."
    asked = {">": "better by more than", ">=": "not worse by more than", "==": "equal within"}[relation]
    margin = f"; asked: {asked} {_amount(result.claim.margin, measurand)}" if result.claim.margin else ""
    return f"On {measurand.name} {left} {_apart(delta, measurand)} {right} {_by(delta, measurand)}{margin}."


def _apart(delta: Delta, measurand: Measurand) -> str:
    assert delta.low is not None and delta.high is not None, "asked before"  # noqa: PT018  # one fact
    if delta.low <= 0 <= delta.high:
        return "is not resolved from"
    return "is better than" if (delta.low > 0) == measurand.higher_is_better else "is worse than"


def _by(delta: Delta, measurand: Measurand) -> str:
    """`by 46.5 points (41.4 to 51.3)`, as sizes where the whole interval is on one side of zero."""
    assert delta.estimate is not None and delta.low is not None and delta.high is not None, "asked before"  # noqa: PT018
    if delta.low <= 0 <= delta.high:
        return f"({_amount(delta.low, measurand, unit=False)} to {_amount(delta.high, measurand)})"
    low, high = sorted((abs(delta.low), abs(delta.high)))
    ends = f"{_amount(low, measurand, unit=False)} to {_amount(high, measurand, unit=False)}"
    return f"by {_amount(abs(delta.estimate), measurand)} ({ends})"


def _lost(sources: AnswerSources, chosen: str | None) -> Iterator[str]:
    """What the chosen arm lost of what the base knew."""
    kept = list[str]()
    for measurand in sources.measurands:
        result = sources.results.get((chosen or "", measurand.name))
        contrast = None if result is None else result.versus_base
        if measurand.role != "retention" or contrast is None:
            continue
        if contrast.reading in _WORSE and contrast.delta.low is not None and contrast.delta.high is not None:
            yield f"It is worse than the base on {measurand.name} {_by(contrast.delta, measurand)}."
        else:
            kept.append(measurand.name)
    if kept:
        yield f"It is not shown to have lost anything on {fmt.listed(kept)}."


def _price(sources: AnswerSources, chosen: str | None) -> Iterator[str]:
    """What one training of the chosen arm takes."""
    cost = next((cost for cost in sources.costs if cost.arm == chosen and cost.trains), None)
    if cost is None or cost.tokens is None or cost.steps is None:
        return
    parts = [f"{fmt.count(cost.tokens)} tokens in {fmt.plural(round(cost.steps), 'step')}"]
    parts += [fmt.seconds(cost.seconds)] if cost.step_seconds is not None and cost.seconds is not None else []
    parts += [] if cost.memory_bytes is None else [fmt.memory(cost.memory_bytes)]
    yield f"One training of it: {', '.join(parts)}."


def _amount(value: float, measurand: Measurand, *, unit: bool = True) -> str:
    """In points of a hundred where the scores are shares, else in the eval's units."""
    if not measurand.binary:
        return fmt.number(value)
    return f"{100 * value:.1f}" + (" points" if unit else "")


def _percent(share: float) -> str:
    return "over 99%" if share > 0.99 else fmt.percent(share, digits=0)
