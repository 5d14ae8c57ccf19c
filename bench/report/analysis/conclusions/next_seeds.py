"""What a sequential run should train next, and what it has saved: the seed that shrinks the widest open claim most per
second.

Contract: pure functions of the record and of what was computed from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from bench.record.record import JobRecord, Record
from bench.report.analysis.conclusions.claims import ClaimResult
from bench.report.analysis.conclusions.looks import looks_at, most_trainings, trainings_of
from bench.report.analysis.run_facts.subjects import subjects
from bench.report.analysis.scores.results import Result
from bench.stats.conclusions.claim_types import ALPHA
from bench.stats.conclusions.sequential import nominal_levels
from bench.stats.curves.distributions import normal_cdf, normal_quantile
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.ratio import Ratio
from bench.suite.tables.conclusions.claim import Claim
from bench.suite.tables.suite import is_base


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenClaim:
    """A claim that is not decided yet. error: standard error of its comparison. chance: that the last planned look
    decides it, if the estimate is the truth."""

    claim: Claim
    error: float
    chance: float
    futile: bool
    """Whether the chance is below the suite's `futility`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """One more training of an arm. gain: by how much it shrinks the variance of the claim. seconds: of the training and
    its evals, as they took before; `None` where none was timed."""

    arm: str
    claim: str
    gain: float
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialState:
    """How far a run with planned looks is. trainings: of the arms that claims name; most: at the last planned look.
    seconds_saved: what the trainings that were not needed would have taken, as the others took; `None` where unknown,
    and while claims are open that more seeds may decide."""

    trainings: int
    most: int
    open: tuple[OpenClaim, ...]
    purchases: tuple[Purchase, ...]
    """Worth most per second first; each arm once."""
    seconds_saved: float | None

    @property
    def ended(self) -> bool:
        """Whether no further look can change a verdict that is worth waiting for."""
        return all(claim.futile for claim in self.open) or not self.purchases


def sequential_state(
    record: Record, claims: Sequence[ClaimResult], results: Mapping[tuple[str, str], Result]
) -> SequentialState | None:
    """`None` for a suite that plans no looks."""
    plan = record.resolved.suite.sequential
    if plan is None:
        return None
    waiting = [claim for result in claims if (claim := _open(result, claims, record)) is not None]
    arms = Counter(side for result in claims for side in _arms(result.claim))
    seeds = {arm: len(names) for arm, names in subjects(record).items() if arm in arms}
    seconds = {arm: _seconds(record, arm) for arm in seeds}
    purchases = _purchases(waiting, seeds, seconds, results, most=plan.max_seeds)
    state = SequentialState(
        trainings=sum(seeds.values()),
        most=plan.max_seeds * len(seeds),
        open=tuple(waiting),
        purchases=tuple(purchases),
        seconds_saved=None,
    )
    return replace(state, seconds_saved=_saved(seeds, seconds, most=plan.max_seeds)) if state.ended else state


def _arms(claim: Claim) -> tuple[str, ...]:
    left, _, right = claim.parts()
    return tuple(side for side in dict.fromkeys((left, right)) if not is_base(side))


def _open(result: ClaimResult, claims: Sequence[ClaimResult], record: Record) -> OpenClaim | None:
    """The claim with its chance; `None` where it is decided, or where seeds cannot decide it."""
    compared = result.delta or result.ratio
    if result.verdict.outcome != "inconclusive" or result.verdict.p_value is None or compared is None:
        return None
    variance, examples = _variance(compared)
    if variance is None:
        return None
    chance = _chance(
        result,
        (variance, examples),
        record,
        family=sum(other.ratio is None or not other.ratio.exact for other in claims),
    )
    plan = record.resolved.suite.sequential
    assert plan is not None, "asked of suites that plan looks"
    return OpenClaim(claim=result.claim, error=variance**0.5, chance=chance, futile=chance < plan.futility)


def _variance(compared: Delta | Ratio) -> tuple[float | None, float]:
    """Variance of a comparison, and the examples' part of it, which no seed takes away."""
    parts = compared.components
    if isinstance(compared, Ratio):
        replicates = min(compared.arm_seeds, compared.reference_seeds)
        if parts is not None:
            return parts.example + ((parts.seed or 0.0) + (parts.rest or 0.0)) / parts.replicates, parts.example
        return None if compared.log_variance is None or not replicates else compared.log_variance / replicates, 0.0
    if compared.standard_error is None:
        return None, 0.0
    variance = compared.standard_error**2
    return variance, 0.0 if parts is None else min(variance, parts.example)


def _chance(result: ClaimResult, noise: tuple[float, float], record: Record, *, family: int) -> float:
    """Normal approximation: the distance in today's standard errors, over the error that the last look will have."""
    now, most = trainings_of(result.claim, record), most_trainings(result.claim, record.resolved.suite)
    looks = looks_at(result.claim, record)
    if now >= most or looks is None or result.verdict.p_value is None or noise[0] <= 0.0:
        return 0.0
    variance, examples = noise
    last = examples + (variance - examples) * now / most
    seen = tuple(fraction for fraction in looks.fractions if fraction < 1.0)
    level = nominal_levels((*seen, 1.0), ALPHA / max(1, family), looks.spending)[-1]
    distance = float(normal_quantile(1.0 - min(result.verdict.p_value, 1.0) / 2.0)) * (variance / last) ** 0.5
    return float(normal_cdf(distance - normal_quantile(1.0 - level / 2.0)))


def _purchases(
    waiting: Sequence[OpenClaim],
    seeds: Mapping[str, int],
    seconds: Mapping[str, float | None],
    results: Mapping[tuple[str, str], Result],
    *,
    most: int,
) -> list[Purchase]:
    """The arms of the widest claims first, by the variance that one more seed takes away per second."""
    bought: dict[str, Purchase] = {}
    for claim in sorted((claim for claim in waiting if not claim.futile), key=lambda claim: -claim.error):
        offers = [
            Purchase(
                arm=arm,
                claim=f"{claim.claim.says} on {claim.claim.measure}",
                gain=_gain(claim.claim, arm, seeds[arm], results),
                seconds=seconds[arm],
            )
            for arm in _arms(claim.claim)
            if arm not in bought and seeds[arm] < most
        ]
        for offer in sorted(offers, key=lambda offer: -offer.gain / (offer.seconds or 1.0)):
            bought[offer.arm] = offer
    return list(bought.values())


def _gain(claim: Claim, arm: str, seeds: int, results: Mapping[tuple[str, str], Result]) -> float:
    """Variance of an arm's mean over seeds that one more seed takes away; as if it had variance one where that is
    unknown."""
    result = results.get((arm, claim.on)) or results.get((arm, claim.eval or ""))
    deviation = None if result is None else result.value.seed_deviation
    variance = 1.0 if deviation is None else deviation**2
    return variance / seeds - variance / (seeds + 1)


def _seconds(record: Record, arm: str) -> float | None:
    """Seconds of one more training of the arm with its evals: means of the jobs that were timed."""
    trained = _mean([training.job for training in record.trainings if training.arm == arm])
    by_eval: dict[str, list[JobRecord]] = {}
    for evaluation in record.evaluations:
        if evaluation.arm == arm:
            by_eval.setdefault(evaluation.eval, []).append(evaluation.job)
    scored = [seconds for jobs in by_eval.values() if (seconds := _mean(jobs)) is not None]
    return None if trained is None else trained + sum(scored)


def _mean(jobs: Sequence[JobRecord]) -> float | None:
    timed = [job.seconds for job in jobs if job.seconds is not None]
    return fmean(timed) if timed else None


def _saved(seeds: Mapping[str, int], seconds: Mapping[str, float | None], *, most: int) -> float | None:
    costs = [(most - count) * seconds[arm] for arm, count in seeds.items() if seconds[arm] is not None]  # type: ignore[operator]  # not None
    return sum(costs) if costs else None
