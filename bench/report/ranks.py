"""Which arms lead on an eval, said no more exactly than the pairwise differences allow."""

from __future__ import annotations

from itertools import combinations

from bench.report.analysis.align import Aligned
from bench.report.analysis.deltas import Deltas
from bench.stats.ranking import Rank, rank
from bench.suite.suite import is_base

MOST_ARMS = 10
"""Pairs grow with the square of the arms: beyond this many, no ranks are given."""


def ranks(entry: Aligned, deltas: Deltas) -> tuple[Rank, ...]:
    """Ranks of the arms, without the base; none for a diagnostic, for scores without a common scale, for a lone arm, or
    for too many."""
    arms = [arm for arm in entry.arms if not is_base(arm)]
    if entry.measurand.role == "diagnostic" or entry.measurand.against_control or not 2 <= len(arms) <= MOST_ARMS:
        return ()
    pairs = dict(deltas.between_any(entry, one, other) for one, other in combinations(arms, 2))
    return rank(arms, pairs, higher_is_better=entry.measurand.higher_is_better)
