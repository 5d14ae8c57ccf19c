"""A claim as a question to the scores, and its verdict.

Contract: data alone; `bench.stats.conclusions.claims` decides.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bench.stats.conclusions.sequential import Spending
from bench.stats.estimates.costs.ratio import Ratio
from bench.stats.estimates.delta import Delta

ClaimRelation = Literal[">=", ">", "=="]
ClaimOutcome = Literal["supported", "refuted", "inconclusive", "incomplete"]
DECIDED: frozenset[ClaimOutcome] = frozenset({"supported", "refuted"})
"""Outcomes that say whether the claim holds."""

ALPHA = 0.05


def thresholds(relation: ClaimRelation, margin: float) -> tuple[float, ...]:
    """Differences in favour of the left side at which a claim's verdict changes."""
    return {">=": (-margin,), ">": (margin,), "==": (-margin, margin)}[relation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Information fractions of all looks at a claim, rising, and how the error is spent. place: of this look among
    them: a run with seeds taken away has seen more before. count: of the looks, with those that added no information.
    """

    fractions: tuple[float, ...]
    place: int
    spending: Spending
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimQuestion:
    """left `relation` right, given the comparison left - right (or left / right).

    comparison: `None` where a job that it needs did not finish; `missing` then says which. margin: in units of the
    score, or for a ratio the relative difference (0.1: ten percent). looks: this look and those before it; `None` for
    a run that is looked at once.
    """

    relation: ClaimRelation
    comparison: Delta | Ratio | None
    margin: float = 0.0
    higher_is_better: bool = True
    missing: str = "nothing to compare"
    looks: Looks | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.margin) and self.margin >= 0):
            raise ValueError("a margin must be zero or more")
        if self.relation == "==" and self.margin == 0:
            raise ValueError("`==` needs a margin above zero: no run can show an exact equality")


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingVerdicts:
    """Outcomes of a claim that missing scores decide. as_scored: from the scores that are there. against, in_favour:
    with the missing ones as bad as they can be for the left side and as good for the right, and the reverse."""

    as_scored: ClaimOutcome
    against: ClaimOutcome
    in_favour: ClaimOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimVerdict:
    """reason: why nothing could be decided, `None` where the comparison has an interval or is exact.

    leaning: the outcome; of an open claim, the outcome if the estimate is the truth.

    p_value: two-sided, of the more likely of the two decided outcomes. sequential_p: corrected for the looks
    before this one; equal to `p_value` without any. adjusted_p: of this, after Holm. looks: with this one.

    needed_examples, needed_seeds: of an inconclusive claim, the number of either alone that would decide it at 80%
    power if the estimate is the truth; `None` where it alone could not. needed_together: examples and seeds that would
    where neither alone could. examples_range, seeds_range: the same if the noise is at the ends of its own 80%
    interval; `None` for an end where it alone could not. together_range: so the examples beside the seeds of
    `needed_together`. needed_level: two-sided, of Holm's first step.
    """

    outcome: ClaimOutcome
    reason: str | None
    leaning: ClaimOutcome | None
    p_value: float | None
    sequential_p: float | None
    adjusted_p: float | None
    needed_examples: int | None
    needed_seeds: int | None
    needed_together: tuple[int, int] | None = None
    examples_range: tuple[int | None, int | None] | None = None
    seeds_range: tuple[int | None, int | None] | None = None
    together_range: tuple[int | None, int | None] | None = None
    needed_level: float | None = None
    looks: int = 1
    missing_scores: MissingVerdicts | None = None
    """Set where the outcome depends on missing scores, which makes it `incomplete`."""

    def undecided(self, outcome: ClaimOutcome, reason: str) -> "ClaimVerdict":
        """The verdict with another outcome and its reason, for a claim that no more examples or seeds decide."""
        return replace(
            self, outcome=outcome, reason=reason, needed_examples=None, needed_seeds=None, needed_together=None,
            examples_range=None, seeds_range=None, together_range=None, needed_level=None,
        )  # fmt: skip
