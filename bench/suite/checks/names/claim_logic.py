"""What claims say together: that some exclude each other, or that one follows from others. Pure.

On one measure, each claim bounds differences of its sides from below: `a >= b` says a - b ≥ -margin, `a == b` says it
of both directions, `a > b` says a - b > margin (of costs, and of quality per cost, in logarithms). Bounds add up along
a chain of claims (difference constraints; Cormen et al. 2009, ch. 24.4): what a chain gives follows from it, and a
circle of claims that puts a side above itself cannot hold.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import log1p

from bench.suite.tables.conclusions.claim import Claim

_ROUNDING = 1e-9
"""Margins that are written as decimals add up to this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Claims of one measure. claim: follows from the others, or with `excluded` cannot hold where they do."""

    claim: Claim
    others: tuple[Claim, ...]
    excluded: bool

    @property
    def repeated(self) -> bool:
        """Whether it says what one of them says."""
        return not self.excluded and len(self.others) == 1 and {*_bounds(self.claim)} == {*_bounds(self.others[0])}

    @property
    def sentence(self) -> str:
        """What is to be told of them."""
        names = " and ".join(f"`{other.says}`" for other in self.others)
        if self.excluded:
            return f"`{self.claim.says}` and {names} exclude each other: one of them fails whatever the data say"
        if self.repeated:
            return f"{names} and `{self.claim.says}` are one claim made twice; each counts in Holm's adjustment"
        return f"`{self.claim.says}` follows from {names}; it tells nothing more, and counts in Holm's adjustment"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bound:
    """left - right ≥ least; strict: above it."""

    left: str
    right: str
    least: float
    strict: bool


def claims_together(claims: Sequence[Claim]) -> list[Together]:
    """Claims of each measure that exclude others, then those that follow from others; the later ones are named."""
    measures: dict[tuple[str, str | None], list[Claim]] = {}
    for claim in claims:
        measures.setdefault((claim.on, claim.per), []).append(claim)
    return [found for asked in measures.values() for found in _of_measure(asked)]


def _of_measure(claims: Sequence[Claim]) -> Iterator[Together]:
    """Claims are added one by one while all can hold; of those that follow from others the last is left out first."""
    chains = _Chains()
    for claim in claims:
        opposites = [replace(_turned(bound), strict=not bound.strict) for bound in _bounds(claim)]
        against = next((chain for bound in opposites if (chain := chains.implying(bound)) is not None), None)
        if against is None:
            chains.add(claim)
        else:
            yield Together(claim=claim, others=against, excluded=True)
    for claim in list(reversed(chains.claims)):
        chains.remove(claim)
        implying = [chains.implying(bound) for bound in _bounds(claim)]
        if None in implying:
            chains.add(claim)
        else:
            others = dict.fromkeys(other for chain in implying for other in chain or ())
            yield Together(claim=claim, others=tuple(others), excluded=False)


class _Chains:
    """Claims that can all hold, as a graph from side to side."""

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self._from: dict[str, list[tuple[_Bound, Claim]]] = {}

    def add(self, claim: Claim) -> None:
        self.claims.append(claim)
        for bound in _bounds(claim):
            self._from.setdefault(bound.left, []).append((bound, claim))

    def remove(self, claim: Claim) -> None:
        self.claims = [other for other in self.claims if other is not claim]
        for bound in _bounds(claim):
            self._from[bound.left] = [known for known in self._from[bound.left] if known[1] is not claim]

    def implying(self, bound: _Bound) -> tuple[Claim, ...] | None:
        """The claims from which a bound follows, in order; `None` where it does not."""
        found = self._furthest(bound.left).get(bound.right)
        return None if found is None or _higher(bound, found[0]) else found[1]

    def _furthest(self, start: str) -> dict[str, tuple[_Bound, tuple[Claim, ...]]]:
        """By side, the highest bound of start - side and its claims: raised until none can be (Bellman 1958), which
        ends because no circle of the claims puts a side above itself."""
        best: dict[str, tuple[_Bound, tuple[Claim, ...]]] = {}
        waiting = deque([(_Bound(left=start, right=start, least=0.0, strict=False), tuple[Claim, ...]())])
        while waiting:
            reached, chain = waiting.popleft()
            for given, claim in self._from.get(reached.right, ()):
                further = replace(
                    given, left=start, least=reached.least + given.least, strict=reached.strict or given.strict
                )
                known = best.get(given.right)
                if given.right != start and (known is None or _higher(further, known[0])):
                    best[given.right] = further, (*chain, claim)
                    waiting.append(best[given.right])
        return best


def _higher(bound: _Bound, other: _Bound) -> bool:
    """Whether it says more than the other of the same sides."""
    further = bound.least - other.least
    return further > _ROUNDING or (abs(further) <= _ROUNDING and bound.strict and not other.strict)


def _turned(bound: _Bound) -> _Bound:
    """Its opposite: what the other side is ahead by."""
    return replace(bound, left=bound.right, right=bound.left, least=-bound.least)


def _bounds(claim: Claim) -> tuple[_Bound, ...]:
    """What a claim says, as bounds; of a ratio in logarithms."""
    left, relation, right = claim.parts()
    margin = claim.margin if claim.cost is None else log1p(claim.margin)
    if relation == ">":
        return (_Bound(left=left, right=right, least=margin, strict=True),)
    ahead = _Bound(left=left, right=right, least=-margin, strict=False)
    if relation == ">=":
        return (ahead,)
    return ahead, _Bound(left=right, right=left, least=-margin, strict=False)
