"""What a sequential run should buy next, and what it has saved: the seed, or the examples, that shrink the widest open
claim most per second.

Contract: pure functions of the record and of what was computed from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.record.look import Offer
from bench.record.record import Record
from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.analysis.conclusions.claims.looks import looks_at, size_at_most, size_now
from bench.report.analysis.conclusions.growth.growth import GrowingArm, GrowingEval, growing_arms, growing_evals
from bench.stats.conclusions.claim_types import ALPHA
from bench.stats.conclusions.information import Size, variance_at
from bench.stats.conclusions.sequential import nominal_levels
from bench.stats.curves.distributions import normal_cdf, normal_quantile
from bench.stats.estimates.costs.ratio import Ratio
from bench.stats.estimates.delta import Delta
from bench.stats.noise.variance import Components
from bench.suite.tables.arms.arms import is_base
from bench.suite.tables.conclusions.claim import Claim


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
class SequentialState:
    """How far a run with planned looks is. trainings: of the arms that claims name; most: at the last planned look.
    seconds_saved: what the trainings and examples that were not needed would have taken, as the others took; `None`
    where unknown, and while claims are open that more of them may decide."""

    trainings: int
    most: int
    evals: tuple[GrowingEval, ...]
    """Evals that claims name."""
    open: tuple[OpenClaim, ...]
    offers: tuple[Offer, ...]
    """What can be bought: for the widest claim first, worth most per second first; each arm and each eval once."""
    seconds_saved: float | None

    @property
    def ended(self) -> bool:
        """Whether no further look can change a verdict that is worth waiting for."""
        return all(claim.futile for claim in self.open) or not self.offers


def sequential_state(record: Record, claims: Sequence[ClaimResult]) -> SequentialState | None:
    """`None` for a suite that plans no looks."""
    plan = record.resolved.suite.sequential
    if plan is None:
        return None
    waiting = [(claim, result) for result in claims if (claim := _open(result, claims, record)) is not None]
    arms = growing_arms(record, {side for result in claims for side in _arms(result.claim)})
    evals = growing_evals(record, {result.claim.eval for result in claims})
    state = SequentialState(
        trainings=sum(each.seeds for each in arms.values()),
        most=sum(each.seeds + each.left for each in arms.values()),
        evals=evals,
        open=tuple(claim for claim, _ in waiting),
        offers=tuple(_offers(waiting, arms, evals)),
        seconds_saved=None,
    )
    return replace(state, seconds_saved=_saved(arms, evals)) if state.ended else state


def _arms(claim: Claim) -> tuple[str, ...]:
    left, _, right = claim.parts()
    return tuple(side for side in dict.fromkeys((left, right)) if not is_base(side))


def _open(result: ClaimResult, claims: Sequence[ClaimResult], record: Record) -> OpenClaim | None:
    """The claim with its chance; `None` where it is decided, or where nothing that can be bought decides it."""
    compared = result.delta or result.ratio
    if result.verdict.outcome != "inconclusive" or result.verdict.p_value is None or compared is None:
        return None
    parts, variance = _parts(compared), _variance(compared)
    if variance is None:
        return None
    family = sum(other.ratio is None or not other.ratio.exact for other in claims)
    chance = _chance(result, variance, parts, record, family=family)
    plan = record.resolved.suite.sequential
    assert plan is not None, "asked of suites that plan looks"
    return OpenClaim(claim=result.claim, error=variance**0.5, chance=chance, futile=chance < plan.futility)


def _parts(compared: Delta | Ratio) -> Components | None:
    """Where the noise of a comparison comes from; of a cost alone, from the trainings."""
    if compared.components is not None or isinstance(compared, Delta):
        return compared.components
    replicates = min(compared.arm_seeds, compared.reference_seeds)
    if compared.log_variance is None or not replicates:
        return None
    return Components(example=0.0, seed=compared.log_variance, rest=0.0, replicates=float(replicates))


def _variance(compared: Delta | Ratio) -> float | None:
    if isinstance(compared, Delta):
        return None if compared.standard_error is None else compared.standard_error**2
    parts, alike = _parts(compared), Size(trainings=1)
    return None if parts is None else variance_at(parts, alike, alike)


def _chance(result: ClaimResult, variance: float, parts: Components | None, record: Record, *, family: int) -> float:
    """Normal approximation: the distance in today's standard errors, over the error that the last look will have."""
    now, most = size_now(result.claim, record), size_at_most(result.claim, record)
    looks = looks_at(result.claim, record, parts)
    grows = now.trainings < most.trainings or now.examples < most.examples
    if not grows or looks is None or result.verdict.p_value is None or variance <= 0.0:
        return 0.0
    last = variance * _left(parts, now, most)
    seen = tuple(fraction for fraction in looks.fractions if fraction < 1.0)
    level = nominal_levels((*seen, 1.0), ALPHA / max(1, family), looks.spending)[-1]
    distance = float(normal_quantile(1.0 - min(result.verdict.p_value, 1.0) / 2.0)) * (variance / last) ** 0.5
    return float(normal_cdf(distance - normal_quantile(1.0 - level / 2.0)))


def _left(parts: Components | None, now: Size, then: Size) -> float:
    """Share of the variance that is left with other numbers; all of it is the trainings' where nothing is known."""
    if parts is None or variance_at(parts, now, now) <= 0.0:
        return now.trainings / then.trainings
    return variance_at(parts, now, then) / variance_at(parts, now, now)


def _offers(
    waiting: Sequence[tuple[OpenClaim, ClaimResult]],
    arms: Mapping[str, GrowingArm],
    evals: Sequence[GrowingEval],
) -> list[Offer]:
    """For the widest claims first; of one claim, by the variance that each takes away per second."""
    bought: dict[tuple[str | None, str | None], Offer] = {}
    for claim, result in sorted(waiting, key=lambda pair: -pair[0].error):
        if claim.futile:
            continue
        offers = [_seed_offer(result, arms[arm]) for arm in _arms(claim.claim) if arms[arm].left > 0]
        offers += [
            _examples_offer(result, growing)
            for growing in evals
            if growing.eval == claim.claim.eval and growing.examples < growing.most
        ]
        for offer in sorted(offers, key=lambda offer: -offer.worth):
            bought.setdefault((offer.arm, offer.eval), offer)
    return list(bought.values())


def _seed_offer(result: ClaimResult, arm: GrowingArm) -> Offer:
    """One more training of an arm: its share of the seeds' variance falls from 1/S to 1/(S + 1). Both arms' seeds count
    as equally noisy: bought by the noise that each shows, the arm whose few seeds agree by chance gets no more of them,
    and looks surer than it is. A noise of training that is not known counts as one: it has to be known before all else.
    """
    compared = result.delta or result.ratio
    assert compared is not None, "open claims have a comparison"
    parts, variance = _parts(compared), _variance(compared)
    gain, share = 1.0 / arm.seeds - 1.0 / (arm.seeds + 1), None
    if parts is not None and parts.seed is not None:
        gain *= (parts.seed + (parts.rest or 0.0)) / len(_arms(result.claim))
        share = gain / variance if variance else None
    claim = f"{result.claim.says} on {result.claim.measure}"
    return Offer(arm=arm.arm, eval=None, examples=None, claim=claim, gain=gain, share=share, seconds=arm.seconds)


def _examples_offer(result: ClaimResult, growing: GrowingEval) -> Offer:
    """Price and gain of as many examples as the suite asks for, or as there are left to buy."""
    compared = result.delta or result.ratio
    assert compared is not None, "open claims have a comparison"
    parts, variance = _parts(compared), _variance(compared)
    more = min(growing.step, growing.most - growing.examples)
    now, then = (Size(trainings=1, examples=count) for count in (growing.examples, growing.examples + more))
    gain = 0.0 if parts is None else variance_at(parts, now, now) - variance_at(parts, now, then)
    return Offer(
        arm=None,
        eval=growing.eval,
        examples=more,
        claim=f"{result.claim.says} on {result.claim.measure}",
        gain=gain,
        share=gain / variance if variance else None,
        seconds=growing.price(more),
    )


def _saved(arms: Mapping[str, GrowingArm], evals: Sequence[GrowingEval]) -> float | None:
    costs = [each.left * each.seconds for each in arms.values() if each.seconds is not None]
    costs += [price for each in evals if (price := each.price(each.most - each.examples)) is not None]
    return sum(costs) if costs else None
