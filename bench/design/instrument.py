"""What a suite's evals can show, before its trainings are paid for: from the base asked twice, and one pilot training.

Contract: pure. Noise of training again is not in these figures, because the pilot is one training: the smallest effects
are those that the examples alone leave, and a run can see no smaller ones.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.record.results.evals.evaluation import ScoreRow
from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.comparison import Comparison
from bench.stats.conclusions.claim_types import ALPHA
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.power import detectable_effect
from bench.stats.estimates.single import Estimate
from bench.suite.tables.arms.arms import BASE, is_base
from bench.suite.tables.conclusions.claim import Claim

MOST_UNREADABLE = 0.5
"""Share of unreadable answers from which an eval measures the format and not the model."""
AnsweredRows = Mapping[tuple[str, str], Sequence[ScoreRow]]
"""Rows by eval and subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalCheck:
    """One eval, or a task with a scale of its own. Differences are in its units; `None` where nothing gives them.

    noise_floor: difference of the base from itself, asked again; changed: share of its examples with another score.
    unreadable: share of the base's answers that are empty or hold nothing that the task takes for an answer. signal:
    pilot minus base; error: its standard error; smallest: the smallest effect that this number of examples resolves at
    80% power, corrected for the suite's claims. shown: whether the paired 95% interval of the signal is above zero."""

    name: str
    examples: int
    base: Estimate
    pilot: Estimate
    limit: str | None
    """Where the base leaves no room: at chance, at the ceiling, nothing right."""
    noise_floor: float | None
    changed: float | None
    unreadable: float | None
    signal: float | None
    error: float | None
    smallest: float | None
    shown: bool

    @property
    def signal_to_noise(self) -> float | None:
        """The pilot's effect over its standard error."""
        return None if self.signal is None or not self.error else abs(self.signal) / self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimCheck:
    """One claim of the suite on an eval. reason: why it cannot be decided as it is, or from which difference on it can.
    examples: that would do, where more would."""

    claim: Claim
    decidable: bool
    reason: str
    examples: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What the suite's evals can show. pilot: the arm that was trained once."""

    pilot: str
    seeds: int
    evals: tuple[EvalCheck, ...]
    claims: tuple[ClaimCheck, ...]

    @property
    def undecidable(self) -> int:
        """Claims that this suite cannot decide as it is."""
        return sum(not claim.decidable for claim in self.claims)


def check_instrument(
    comparison: Comparison, rows: AnsweredRows, again: AnsweredRows, claims: Sequence[Claim], *, pilot: str, seeds: int
) -> Instrument:
    """comparison, rows: of the run of base and pilot; again: the base's second answers; claims, seeds: of the whole
    suite."""
    family = max(1, sum(claim.eval is not None for claim in claims))
    evals = tuple(
        _eval_check(comparison, measurand, rows, again, pilot=pilot, family=family)
        for measurand in comparison.measurands
        if (pilot, measurand.name) in comparison.results
    )
    by_name = {check.name: check for check in evals}
    return Instrument(
        pilot=pilot,
        seeds=seeds,
        evals=evals,
        claims=tuple(_claim_check(claim, by_name, pilot=pilot) for claim in claims if claim.eval is not None),
    )


def _eval_check(
    comparison: Comparison, measurand: Measurand, rows: AnsweredRows, again: AnsweredRows, *, pilot: str, family: int
) -> EvalCheck:
    base = comparison.bases.get(pilot, BASE)
    first, second = (_scores(measurand, answered.get((measurand.eval, base), ())) for answered in (rows, again))
    shared = sorted(first.keys() & second.keys())
    result, trained = comparison.results[base, measurand.name], comparison.results[pilot, measurand.name]
    delta = None if trained.versus_base is None else trained.versus_base.delta
    return EvalCheck(
        name=measurand.name,
        examples=result.value.n_examples,
        base=result.value,
        pilot=trained.value,
        limit=_limit(measurand, result.value),
        noise_floor=abs(sum(second[key] - first[key] for key in shared)) / len(shared) if shared else None,
        changed=sum(second[key] != first[key] for key in shared) / len(shared) if shared else None,
        unreadable=_unreadable(measurand, rows.get((measurand.eval, base), ())),
        signal=None if delta is None else delta.estimate,
        error=None if delta is None else delta.standard_error,
        smallest=None if delta is None else _smallest(delta, family),
        shown=delta is not None and delta.low is not None and delta.low > 0.0,
    )


def _scores(measurand: Measurand, rows: Sequence[ScoreRow]) -> dict[tuple[str, str], float]:
    """Headline score by task and example."""
    scored = ((row, row.metrics.get(measurand.metrics[row.task])) for row in rows if row.task in measurand.metrics)
    return {(row.task, row.id): score for row, score in scored if score is not None}


def _unreadable(measurand: Measurand, rows: Sequence[ScoreRow]) -> float | None:
    answered = [row for row in rows if row.task in measurand.metrics and row.output is not None]
    return sum(row.without_answer for row in answered) / len(answered) if answered else None


def _limit(measurand: Measurand, value: Estimate) -> str | None:
    """Where the base leaves nothing to gain or to lose."""
    if value.mean is None or value.low is None or value.high is None or not measurand.higher_is_better:
        return None
    if measurand.bounds is not None and value.high >= measurand.bounds[1] - 1e-9:
        return "at the ceiling"
    if measurand.chance and value.low <= measurand.chance:
        return "at chance"
    return "nothing right" if measurand.binary and value.mean == 0.0 else None


def _smallest(delta: Delta, family: int) -> float | None:
    parts = delta.components
    if parts is None or parts.example <= 0.0:
        return delta.mde
    return detectable_effect(parts.example**0.5, parts.example_degrees, level=1.0 - ALPHA / family)


def _claim_check(claim: Claim, evals: Mapping[str, EvalCheck], *, pilot: str) -> ClaimCheck:
    check = evals.get(claim.on) or evals.get(claim.eval or "")
    if check is None:
        return ClaimCheck(claim=claim, decidable=False, reason="the pilot has no score there", examples=None)
    reason = _obstacle(claim, check, pilot=pilot)
    if reason is not None:
        return ClaimCheck(claim=claim, decidable=False, reason=reason, examples=None)
    if check.smallest is None:
        return ClaimCheck(claim=claim, decidable=False, reason="no interval can be given there", examples=None)
    if 0.0 < claim.margin < check.smallest and claim.parts()[1] != ">":
        needed = math.ceil(check.examples * (check.smallest / claim.margin) ** 2)
        reason = f"between equal arms a margin of {claim.margin:g} is below the smallest effect, {check.smallest:.3g}"
        return ClaimCheck(claim=claim, decidable=False, reason=reason, examples=needed)
    reason = f"decides differences of {check.smallest:.3g} or more from its threshold"
    return ClaimCheck(claim=claim, decidable=True, reason=reason, examples=None)


def _obstacle(claim: Claim, check: EvalCheck, *, pilot: str) -> str | None:
    """What more examples would not remove."""
    left, relation, right = claim.parts()
    if check.unreadable is not None and check.unreadable >= MOST_UNREADABLE and check.pilot.mean in (0.0, None):
        return f"{check.unreadable:.0%} of the base's answers cannot be read, and the pilot has nothing right"
    stuck = {"at chance": "is at chance", "nothing right": "has nothing right"}.get(check.limit or "")
    if stuck and not check.shown and (relation != ">" or left == pilot):
        return f"the base {stuck} and the pilot is not shown to be better: the eval may not distinguish the arms"
    if check.limit == "at the ceiling" and not (is_base(left) or is_base(right)):
        return "the base is at the ceiling: no arm can be better"
    if check.noise_floor is not None and 0.0 < claim.margin <= check.noise_floor:
        return f"the base differs from itself by {check.noise_floor:.3f}, no less than the margin"
    return None
