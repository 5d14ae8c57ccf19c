"""An order of subjects that says no more than the pairwise deltas do.

Contract: two subjects are in a resolved order only where their delta differs from zero after Holm's adjustment over
all pairs. Ranks are given as ranges; subjects that share a letter are not resolved from one another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.stats.conclusions.multiplicity import holm
from bench.stats.estimates.delta import Delta


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """best: 1 + the number of subjects shown to be better. worst: the number of subjects - those shown to be worse."""

    name: str
    best: int
    worst: int
    letters: str

    @property
    def resolved(self) -> bool:
        return self.best == self.worst


def rank(
    names: Sequence[str],
    deltas: Mapping[tuple[str, str], Delta],
    *,
    higher_is_better: bool = True,
    alpha: float = 0.05,
) -> tuple[Rank, ...]:
    """Ranks in the order of `names`; `deltas[a, b]` is a - b, each pair once in either order.

    A pair that is absent, or has no p-value, is not resolved.
    """
    pairs = list(deltas)
    adjusted = holm([deltas[pair].tested_p for pair in pairs])
    beats: set[tuple[str, str]] = set()
    for (left, right), p in zip(pairs, adjusted, strict=True):
        estimate = deltas[left, right].estimate
        if p is None or estimate is None or p > alpha or estimate == 0:
            continue
        beats.add((left, right) if (estimate > 0) == higher_is_better else (right, left))
    letters = _letters(names, beats)
    return tuple(
        Rank(
            name=name,
            best=1 + sum((other, name) in beats for other in names),
            worst=len(names) - sum((name, other) in beats for other in names),
            letters=letters[name],
        )
        for name in names
    )


def _letters(names: Sequence[str], beats: set[tuple[str, str]]) -> dict[str, str]:
    """Compact letter display by insert and absorb: Piepho 2004, "An algorithm for a letter-based representation"."""
    groups: list[frozenset[str]] = [frozenset(names)]
    for left, right in sorted(beats):
        split = [part for group in groups for part in _split(group, left, right)]
        unique = sorted(set(split), key=lambda group: (-len(group), sorted(group)))
        groups = [group for group in unique if not any(group < other for other in unique)]
    groups.sort(key=lambda group: sorted(names.index(name) for name in group))
    return {name: "".join(_letter(index) for index, group in enumerate(groups) if name in group) for name in names}


def _split(group: frozenset[str], left: str, right: str) -> tuple[frozenset[str], ...]:
    return (group - {left}, group - {right}) if left in group and right in group else (group,)


def _letter(index: int) -> str:
    """a … z, then a1 … z1, a2 …"""
    turn, place = divmod(index, 26)
    return chr(ord("a") + place) + (str(turn) if turn else "")
