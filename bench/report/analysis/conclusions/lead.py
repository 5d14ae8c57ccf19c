"""The report's first sentences: the answer to the suite's question, what to take, at what price, what is still open.

Contract: pure, composed from verdicts, the decision and resolved differences, and says nothing beyond them. Where
nothing is decided, that comes first.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.analysis.conclusions.decision import Decision
from bench.report.analysis.conclusions.difference_words import size_words
from bench.report.analysis.conclusions.question import HEADS, claim_sentence, seen_against, tally
from bench.report.analysis.conclusions.undecided import (
    StillOpen,
    cheapest_first,
    open_reason,
    reach,
    still_open,
    undecided_evidence,
)
from bench.report.analysis.run_facts.run_info import RunInfo
from bench.report.analysis.scores.results import Result
from bench.report.analysis.training.costs.budget_match import BudgetMatch
from bench.report.analysis.training.costs.cost import Cost
from bench.report.render import format as fmt
from bench.stats.conclusions.claim_types import DECIDED
from bench.suite.tables.arms.arms import is_base

DECISION = "which arm to take"
"""The choice of an arm, among the conclusions that a sanity verdict may change."""
_MOST_CLAIMS = 2
"""Claims that the sentences quote; the claims' table has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """The report's first sentences."""

    decided: bool
    """Whether anything is: a claim, or which arm to take."""
    lead: str
    """The answer to the suite's question: what to take and by how much, or which claims are decided, what the first one
    shows, and where the others lean."""
    evidence: tuple[str, ...]
    """How sure the choice is, or further differences, what is lost against the base, and the price of one training."""
    reach: tuple[str, ...]
    """Where no arm is chosen, or no claim decided, the differences that such a run finds, and where more examples are
    to be had."""
    still_open: tuple[StillOpen, ...]
    """Claims without a verdict: those about the chosen arm first, then the cheapest to decide."""
    rests_on: tuple[str, ...]
    """The conclusions that the sentences state, or say to be open: what changes one of them changes the sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadSources:
    """What the first sentences are composed from."""

    run: RunInfo
    decision: Decision | None
    claims: tuple[ClaimResult, ...]
    measurands: tuple[Measurand, ...]
    results: Mapping[tuple[str, str], Result]
    costs: tuple[Cost, ...]
    budget: BudgetMatch


def lead_of(sources: LeadSources) -> Lead | None:
    """The first sentences; `None` of a run that asks nothing: without claims and without a decision."""
    if sources.decision is None and not sources.claims:
        return None
    chosen = _chosen(sources.decision)
    claimed = list(_claimed(sources, chosen))
    lead, evidence = _of_choice(sources, chosen, claimed) if chosen else _of_claims(sources, claimed)
    open_ = not chosen and (sources.decision is not None or not claimed)
    of_chosen = [result for result in sources.claims if result.claim.parts()[0] == chosen]
    return Lead(
        decided=bool(chosen or claimed),
        lead=_in_simulation(lead) if sources.run.simulation else lead,
        evidence=(*evidence, *_lost(sources, chosen, said=lead), *_price(sources, chosen)),
        reach=tuple(reach(sources.measurands, sources.results, sources.claims)) if open_ else (),
        still_open=tuple(map(still_open, cheapest_first(sources.claims, about=chosen))),
        rests_on=tuple(_rests_on(sources, [*claimed, *of_chosen] if chosen else sources.claims)),
    )


def _in_simulation(lead: str) -> str:
    """`In this simulation: take a: …`, or `Not decided in this simulation: …`."""
    head, colon, rest = lead.partition(":")
    if head in HEADS:
        return f"{head} in this simulation{colon}{rest}"
    return f"In this simulation: {lead[0].lower()}{lead[1:]}"


def _rests_on(sources: LeadSources, stated: Sequence[ClaimResult]) -> Iterator[str]:
    if sources.decision is not None:
        yield DECISION
    yield from dict.fromkeys(map(conclusion, stated))


def conclusion(result: ClaimResult) -> str:
    """`a > b on qa`: the claim as a conclusion that something may change."""
    return f"{result.claim.says} on {result.claim.measure}"


def _chosen(decision: Decision | None) -> str | None:
    """The arm or base that the run decides for."""
    return decision.pick if decision is not None and decision.outcome == "decided" else None


def _of_choice(sources: LeadSources, chosen: str, claimed: Sequence[ClaimResult]) -> tuple[str, list[str]]:
    """The arm to take, by a decided claim about it where there is one; which claims are open."""
    decision, claims = sources.decision, sources.claims
    assert decision is not None, "an arm was chosen"
    take = "Keep the base" if is_base(chosen) else f"Take {chosen}"
    open_ = any(result.verdict.outcome not in DECIDED for result in claims)
    counted = [f"{tally(claims)}."] if open_ else []
    first = next(iter(claimed), None)
    if first is None or first.claim.parts()[0] != chosen or first.seen is None or first.unclear:
        return " ".join([f"{take}: {_surest(decision)}.", *counted]), [claim_sentence(result) for result in claimed]
    forgets = "".join(f"; it forgets {lost}" for lost in _forgotten(sources, chosen))
    _, _, right = first.claim.parts()
    said = f"{take}: {seen_against(first, right)} on {first.claim.measure}{_equal(sources)}{forgets}."
    return said, [*counted, f"By {_weights(decision)} it is {_surest(decision)}{_next(decision)}."]


def _of_claims(sources: LeadSources, claimed: Sequence[ClaimResult]) -> tuple[str, list[str]]:
    """What the claims say where no arm is chosen: how many are decided, and what the first of the suite shows; then
    why none is chosen."""
    decision, claims = sources.decision, sources.claims
    measured = (sources.measurands, sources.results)
    why = None if decision is None else f"which arm to take: {open_reason(decision, *measured)}."
    if not claims:
        return f"Not decided {why}", list(undecided_evidence(decision, *measured))
    lead = _answered(claims)
    evidence = [claim_sentence(result) for result in claimed if result is not claims[0]]
    evidence += [f"Not decided {why}"] if why is not None else []
    if decision is not None or not claimed:
        evidence += undecided_evidence(decision, *measured)
    return lead, evidence


def _answered(claims: Sequence[ClaimResult]) -> str:
    """How many claims are decided, and what the first of them shows."""
    first = claim_sentence(claims[0])
    if len(claims) > 1:
        return f"{tally(claims)}. {first}"
    return first if claims[0].verdict.outcome in DECIDED else f"Not decided: {re.sub('^On ', 'on ', first)}"


def _weights(decision: Decision) -> str:
    """`qa and cloze together`: by one alone another arm may be better."""
    return fmt.listed([weight.name for weight in decision.weights]) + (" together" if len(decision.weights) > 1 else "")


def _next(decision: Decision) -> str:
    return "" if decision.runner_up is None else f"; next is {decision.runner_up}"


def _surest(decision: Decision) -> str:
    """`the best of 7 with a probability of over 99%`."""
    assert decision.pick is not None, "asked before"
    prospect = decision.option(decision.pick).prospect
    probability = "" if prospect is None else f" with a probability of {fmt.chance(prospect.best)}"
    return f"the best of {len(decision.options)}{probability}"


def _equal(sources: LeadSources) -> str:
    """What both sides spent alike."""
    budget = sources.budget
    if not budget.matched or len(budget.units) != 1:
        return ""
    return f", at equal {budget.units[0].replace('_', ' ')}"


def _claimed(sources: LeadSources, chosen: str | None) -> Iterator[ClaimResult]:
    """Decided claims, those about the chosen arm first, one for each measure."""
    decided = [result for result in sources.claims if result.verdict.outcome in DECIDED]
    decided.sort(key=lambda result: result.claim.parts()[0] != chosen)
    said = dict[str, ClaimResult]()
    for result in decided:
        said.setdefault(result.claim.measure, result)
    yield from list(said.values())[:_MOST_CLAIMS]


def _forgotten(sources: LeadSources, arm: str) -> Iterator[str]:
    """`2.3 points of cloze (1.2 to 3.5)`: what the arm is shown to have lost of what its base knew."""
    for measurand in sources.measurands:
        result = sources.results.get((arm, measurand.name))
        contrast = None if result is None else result.versus_base
        if measurand.role == "retention" and contrast is not None and contrast.reading == "worse":
            yield f"{size_words(contrast.delta, measurand).replace(' (', f' of {measurand.name} (', 1)}"


def _lost(sources: LeadSources, chosen: str | None, *, said: str) -> Iterator[str]:
    """What the chosen arm lost of what the base knew, beyond what is `said`, and what it is not shown to have lost. By
    its name: the sentence before may be about another arm."""
    kept = list[str]()
    for measurand in sources.measurands:
        result = sources.results.get((chosen or "", measurand.name))
        contrast = None if result is None else result.versus_base
        if measurand.role != "retention" or contrast is None:
            continue
        if contrast.reading == "worse":
            if f" of {measurand.name} (" in said:
                continue
            yield f"{chosen} is worse than the base on {measurand.name} by {size_words(contrast.delta, measurand)}."
        elif contrast.reading == "maybe worse":
            lost = size_words(contrast.delta, measurand)
            yield f"{chosen} is maybe worse than the base on {measurand.name}, by {lost}."
        else:
            kept.append(measurand.name)
    if kept:
        yield f"{chosen} is not shown to have lost anything on {fmt.listed(kept)}."


def _price(sources: LeadSources, chosen: str | None) -> Iterator[str]:
    """What one training of the chosen arm takes; where none is chosen, from the cheapest arm to the dearest."""
    trained = [cost for cost in sources.costs if cost.trains and cost.tokens is not None]
    costs = [cost for cost in trained if cost.arm == chosen] if chosen else trained
    if not costs:
        return
    steps = _span([cost.steps for cost in costs], fmt.count)
    rows = _span([cost.rows for cost in costs], fmt.count)
    read = f" of {rows} {'row' if rows == '1' else 'rows'}" if rows else ""
    tokens = _span([cost.tokens for cost in costs], fmt.count)
    parts = [f"{tokens} tokens{read} in {steps} {'step' if steps == '1' else 'steps'}"]
    seconds = _span([cost.seconds for cost in costs], fmt.seconds)
    if seconds:
        beside = "" if all(cost.step_seconds is not None for cost in costs) else " beside other work"
        parts.append(f"{seconds} in all{beside} on {sources.run.machine}")
    memory = _span([cost.memory_bytes for cost in costs], fmt.memory)
    parts += [memory] if memory else []
    price = _span([cost.price for cost in costs], fmt.number)
    parts += [f"{price} {sources.run.currency}"] if price else []
    yield f"One training: {', '.join(parts)}."


def _span(values: Sequence[float | None], say: Callable[[float], str]) -> str:
    """`18 to 30 s`, or one value where they are alike; empty without any."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = say(min(known)), say(max(known))
    return high if low == high else f"{low.removesuffix(high.lstrip('0123456789.,'))} to {high}"
