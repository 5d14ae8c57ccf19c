"""What the run answers, in a few sentences: what to take, by how much, at what price, and what is still open.

Contract: pure, composed from verdicts, the decision and resolved differences, and says nothing beyond them. Where
nothing is decided, that comes first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.conclusions.claims import ClaimResult
from bench.report.analysis.conclusions.decision import Decision
from bench.report.analysis.conclusions.difference_words import size_words
from bench.report.analysis.conclusions.undecided import open_claim, open_reason, undecided_evidence
from bench.report.analysis.run_facts.run_info import RunInfo
from bench.report.analysis.scores.results import Result
from bench.report.analysis.training.costs.budget_match import BudgetMatch
from bench.report.analysis.training.costs.cost import Cost
from bench.report.render import format as fmt
from bench.stats.conclusions.claim_types import DECIDED, ClaimOutcome
from bench.suite.tables.arms import is_base

DECISION = "which arm to take"
"""The choice of an arm, among the conclusions that a sanity verdict may change."""
_MOST_CLAIMS = 2
"""Claims that the answer quotes; the claims' table has all."""


_AGAINST = {
    "better by": "better than {} by",
    "worse by": "worse than {} by",
    "ahead by": "ahead of {} by",
    "behind by": "behind {} by",
    "cheaper by": "cheaper than {} by",
    "dearer by": "dearer than {} by",
    "not resolved:": "not shown to differ from {}:",
}
"""How a difference in words begins, and the same words with the side that it is from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The report's first sentences."""

    decided: bool
    """Whether the first sentence says what to do."""
    lead: str
    """What to do and by how much, or that the run does not decide it."""
    evidence: tuple[str, ...]
    """How sure the choice is, or further differences, what is lost against the base, and the price of one training."""
    still_open: tuple[str, ...]
    """Claims without a verdict, each with what was seen and what would decide it if its estimate is true."""
    rests_on: tuple[str, ...]
    """The conclusions that the sentences state: what changes one of them changes the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSources:
    """What an answer is composed from."""

    run: RunInfo
    decision: Decision | None
    claims: tuple[ClaimResult, ...]
    measurands: tuple[Measurand, ...]
    results: Mapping[tuple[str, str], Result]
    costs: tuple[Cost, ...]
    budget: BudgetMatch


def answer(sources: AnswerSources) -> Answer | None:
    """The answer; `None` of a run that asks nothing: without claims and without a decision."""
    if sources.decision is None and not sources.claims:
        return None
    chosen = _chosen(sources.decision)
    claimed = list(_claimed(sources, chosen))
    decided, lead, evidence = _lead(sources, claimed)
    return Answer(
        decided=decided,
        lead=f"In this simulation: {lead[0].lower()}{lead[1:]}" if sources.run.simulation else lead,
        evidence=(*evidence, *_lost(sources, chosen, said=lead), *_price(sources, chosen)),
        still_open=tuple(
            open_claim(result) for result in sources.claims if result.verdict.outcome in ("inconclusive", "incomplete")
        ),
        rests_on=(*([] if chosen is None else [DECISION]), *(conclusion(result) for result in claimed)),
    )


def conclusion(result: ClaimResult) -> str:
    """`a > b on qa`: the claim as a conclusion that something may change."""
    return f"{result.claim.says} on {result.claim.measure}"


def _chosen(decision: Decision | None) -> str | None:
    """The arm or base that the run decides for."""
    return decision.pick if decision is not None and decision.outcome == "decided" else None


def _lead(sources: AnswerSources, claimed: Sequence[ClaimResult]) -> tuple[bool, str, list[str]]:
    """Whether the run decides something, what, and the sentences right behind it."""
    decision, claims = sources.decision, sources.claims
    sentences = [_sentence(result) for result in claimed]
    if decision is None and claimed:
        return True, sentences[0], sentences[1:]
    if decision is None or decision.outcome != "decided" or decision.pick is None:
        lead = f"Nothing is decided: {_counted(claims)}" if decision is None else "Not decided which arm to take"
        why = "" if decision is None else f": {open_reason(decision, sources.measurands, sources.results)}"
        return False, f"{lead}{why}.", [*sentences, *undecided_evidence(decision, sources.measurands, sources.results)]
    take = "Keep the base" if is_base(decision.pick) else f"Take {decision.pick}"
    first = next(iter(claimed), None)
    if first is None or first.claim.parts()[0] != decision.pick or first.seen is None:
        return True, f"{take}: {_surest(decision)}.", sentences
    rest = [f"By {_weights(decision)} it is {_surest(decision)}."]
    forgets = "".join(f"; it forgets {lost}" for lost in _forgotten(sources, decision.pick))
    _, _, right = first.claim.parts()
    return True, f"{take}: {_than(first, right)} on {first.claim.measure}{_equal(sources)}{forgets}.", rest


def _than(result: ClaimResult, right: str) -> str:
    """`better than alpaca_52k/full by 38.8 points (31.7 to 45.2)`."""
    seen = result.seen or ""
    for words, with_right in _AGAINST.items():
        if seen.startswith(words):
            return seen.replace(words, with_right.format(right), 1)
    kind = "quality per cost" if result.claim.per is not None else "cost"
    return f"at {seen.replace(f'of the {kind}', f'of the {kind} of {right}', 1)}"


def _weights(decision: Decision) -> str:
    return fmt.listed([weight.name for weight in decision.weights])


def _surest(decision: Decision) -> str:
    """`the best of 7 with a probability of over 99%`."""
    assert decision.pick is not None, "asked before"
    prospect = decision.option(decision.pick).prospect
    probability = "" if prospect is None else f" with a probability of {fmt.chance(prospect.best)}"
    return f"the best of {len(decision.options)}{probability}"


def _equal(sources: AnswerSources) -> str:
    """What both sides spent alike."""
    budget = sources.budget
    if not budget.matched or len(budget.units) != 1:
        return ""
    return f", at equal {budget.units[0].replace('_', ' ')}"


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


def _claimed(sources: AnswerSources, chosen: str | None) -> Iterator[ClaimResult]:
    """Decided claims, those about the chosen arm first, one for each measure."""
    decided = [result for result in sources.claims if result.verdict.outcome in DECIDED]
    decided.sort(key=lambda result: result.claim.parts()[0] != chosen)
    said = dict[str, ClaimResult]()
    for result in decided:
        said.setdefault(result.claim.measure, result)
    yield from list(said.values())[:_MOST_CLAIMS]


def _sentence(result: ClaimResult) -> str:
    """`On qa a is better than b by 46.5 points (41.4 to 51.3); asked: not worse by more than 2.0 points.`"""
    left, _, right = result.claim.parts()
    if result.seen is None:
        return f"{result.claim.says} on {result.claim.measure} is {result.verdict.outcome}: {result.why}."
    asked = f"asked: {result.asked}, which is {result.verdict.outcome}"
    return f"On {result.claim.measure} {left} is {_than(result, right)}; {asked}."


def _forgotten(sources: AnswerSources, arm: str) -> Iterator[str]:
    """`2.3 points of cloze (1.2 to 3.5)`: what the arm is shown to have lost of what its base knew."""
    for measurand in sources.measurands:
        result = sources.results.get((arm, measurand.name))
        contrast = None if result is None else result.versus_base
        if measurand.role == "retention" and contrast is not None and contrast.reading == "worse":
            yield f"{size_words(contrast.delta, measurand).replace(' (', f' of {measurand.name} (', 1)}"


def _lost(sources: AnswerSources, chosen: str | None, *, said: str) -> Iterator[str]:
    """What the chosen arm lost of what the base knew, beyond what is `said`, and what it is not shown to have lost."""
    kept = list[str]()
    for measurand in sources.measurands:
        result = sources.results.get((chosen or "", measurand.name))
        contrast = None if result is None else result.versus_base
        if measurand.role != "retention" or contrast is None:
            continue
        if contrast.reading == "worse":
            if f" of {measurand.name} (" in said:
                continue
            yield f"It is worse than the base on {measurand.name} by {size_words(contrast.delta, measurand)}."
        elif contrast.reading == "maybe worse":
            lost = size_words(contrast.delta, measurand)
            yield f"It may be worse than the base on {measurand.name}, by {lost}: not resolved."
        else:
            kept.append(measurand.name)
    if kept:
        yield f"It is not shown to have lost anything on {fmt.listed(kept)}."


def _price(sources: AnswerSources, chosen: str | None) -> Iterator[str]:
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
        parts.append(f"{seconds}{beside} on {sources.run.machine}")
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
