"""Every arm against every other on one measurand, for a reader who picks two of them.

Contract: pure. The paired differences are those of ranks and decision; p-values are Holm's over all pairs of arms of
the eval, so that looking for the largest one finds nothing that is not there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from bench.report.analysis.aligned.align import Aligned
from bench.report.analysis.aligned.deltas import Deltas
from bench.report.analysis.scores.results import MOST_RANKED_ARMS, Reading, reading_of
from bench.stats.conclusions.multiplicity import holm
from bench.stats.estimates.delta import Delta
from bench.suite.tables.arms.arms import is_base


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPair:
    """arm - reference on one measurand, in its units; `None` for what is unknown."""

    measurand: str
    arm: str
    reference: str
    estimate: float | None
    low: float | None
    high: float | None
    """Ends of the interval that decides: it covers the difference whatever the missing scores are."""
    missing: bool
    """Whether scores are missing, which the interval covers."""
    p_adjusted: float | None
    """Holm's over all pairs of the eval; `None` for diagnostics."""
    reading: Reading


def arm_pairs(aligned: Sequence[Aligned], deltas: Deltas) -> tuple[ArmPair, ...]:
    """All pairs of arms, each once, of every measurand with a common scale; none beyond `MOST_RANKED_ARMS` arms."""
    return tuple(pair for entry in aligned for pair in _of_measurand(entry, deltas))


def _of_measurand(entry: Aligned, deltas: Deltas) -> list[ArmPair]:
    arms = [arm for arm in entry.arms if not is_base(arm)]
    if entry.measurand.against_control or not 2 <= len(arms) <= MOST_RANKED_ARMS:
        return []
    pairs = dict(deltas.between_any(entry, arm, other) for arm, other in combinations(arms, 2))
    diagnostic = entry.measurand.role == "diagnostic"
    adjusted = [None] * len(pairs) if diagnostic else holm([delta.tested_p for delta in pairs.values()])
    return [_pair(entry, names, delta, p) for (names, delta), p in zip(pairs.items(), adjusted, strict=True)]


def _pair(entry: Aligned, names: tuple[str, str], delta: Delta, p_adjusted: float | None) -> ArmPair:
    low, high = delta.tested_interval or (None, None)
    return ArmPair(
        measurand=entry.measurand.name,
        arm=names[0],
        reference=names[1],
        estimate=delta.estimate,
        low=low,
        high=high,
        missing=delta.bounds is not None,
        p_adjusted=p_adjusted,
        reading=reading_of(delta, p_adjusted, entry.measurand),
    )
