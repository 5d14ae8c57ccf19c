"""The suite's question, answered by its claims: how many are decided, where the others lean, and what each shows.

Contract: pure, composed from verdicts, and says nothing beyond them.
"""

from collections import Counter
from collections.abc import Sequence

from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.render import format as fmt
from bench.stats.conclusions.claim_types import DECIDED, ClaimOutcome

HEADS = ("Not decided", "Decided in part", "Decided")
"""How an answer begins that counts claims."""
_OUTCOMES: tuple[ClaimOutcome, ...] = ("supported", "refuted", "inconclusive", "incomplete")
_AGAINST = {
    "better by": "better than {} by",
    "worse by": "worse than {} by",
    "cheaper by": "cheaper than {} by",
    "dearer by": "dearer than {} by",
}
"""How a difference in words begins, and the same words with the side that it is from."""


def tally(claims: Sequence[ClaimResult]) -> str:
    """`Decided in part: of 4 claims 3 are supported and 1 is inconclusive (leans to refuted)`."""
    decided = sum(result.verdict.outcome in DECIDED for result in claims)
    head = HEADS[0 if not decided else 1 if decided < len(claims) else 2]
    outcomes = Counter(result.verdict.outcome for result in claims)
    leans = {"inconclusive": _leanings(claims)}
    if len(outcomes) == 1:
        (outcome,) = outcomes
        every = "the claim is" if len(claims) == 1 else f"all {len(claims)} claims are"
        return f"{head}: {every} {outcome}{leans.get(outcome, '')}"
    parts = [
        f"{outcomes[name]} {'is' if outcomes[name] == 1 else 'are'} {name}{leans.get(name, '')}"
        for name in _OUTCOMES
        if outcomes[name]
    ]
    return f"{head}: of {len(claims)} claims {fmt.listed(parts)}"


def _leanings(claims: Sequence[ClaimResult]) -> str:
    """` (2 lean to supported, 1 to refuted)`: the verdicts of inconclusive claims if their estimates are true; empty
    where none is known."""
    leanings = Counter(leaning for result in claims if (leaning := result.leans) is not None)
    parts = [(leanings[name], name) for name in _OUTCOMES if leanings[name]]
    if not parts:
        return ""
    count, first = parts[0]
    alike = count == sum(result.verdict.outcome == "inconclusive" for result in claims)
    who = ("all " if count > 1 else "") if alike else f"{count} "
    said = [f"{who}{'leans' if count == 1 else 'lean'} to {first}", *(f"{n} to {name}" for n, name in parts[1:])]
    return f" ({', '.join(said)})"


def claim_sentence(result: ClaimResult) -> str:
    """`On qa a is better than b by 46.5 points (41.4 to 51.3); asked: not worse by more than 2.0 points, which is
    supported.`"""
    left, relation, right = result.claim.parts()
    if result.seen is None:
        return f"{result.claim.says} on {result.claim.measure} is {result.verdict.outcome}: {result.why}."
    unclear = f"it is unclear whether {left} is better than {right}: {result.seen}"
    if relation == "==":
        unclear = f"the difference of {left} from {right} is {result.seen}"
    seen = unclear if result.unclear else f"{left} is {seen_against(result, right)}"
    return f"On {result.claim.measure} {seen}; asked: {result.asked}{_verdict(result)}."


def _verdict(result: ClaimResult) -> str:
    if result.verdict.outcome in DECIDED:
        return f", which is {result.verdict.outcome}"
    return f"; the claim is {result.verdict.outcome}" if result.leans is None else f"; it leans to {result.leans}"


def seen_against(result: ClaimResult, right: str) -> str:
    """`better than alpaca_52k/full by 38.8 points (31.7 to 45.2)`, of a difference that is not unclear."""
    seen = result.seen or ""
    for words, with_right in _AGAINST.items():
        if words in seen:
            return seen.replace(words, with_right.format(right), 1)
    kind = "quality per cost" if result.claim.per is not None else "cost"
    return f"at {seen.replace(f'of the {kind}', f'of the {kind} of {right}', 1)}"
