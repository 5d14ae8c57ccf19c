"""The seed noise of one comparison, from both sides' seeds and what the eval's other arms say about theirs.

Contract: pure. Each trained side's seeds vary by seed + rest. A side whose rows are subset draws holds their noise,
too, and is never moderated.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.stats.arrays import FloatArray
from bench.stats.curves.logit_curve import Rate, WeightedCurve, logit_seed_curve, skewed, skewness
from bench.stats.noise.moderation import SeedPrior, seed_prior
from bench.stats.noise.side import ScaleEnds, Side, equal_examples, on_scale
from bench.stats.noise.variance import RateNoise, RatesNoise, unit_spread
from bench.stats.samples.sample import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class _SideNoise:
    """One side. rate: its mean between the ends of the scale; slope: of the score by the logit (1 without ends).
    added: variance that its examples show too little of, because few answers are unlike the others.
    variance: of one seed's value, seed + rest, in squared units of the score; zero for a side without seeds."""

    rate: float
    added: float
    slope: float
    seeds: int
    variance: float
    rest: float
    degrees: float
    moderated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedTerm:
    """Both sides' seed noise in the estimate.

    total: variance, with the rest in it. rest: the part that the examples' noise holds, too. seed_once, rest_once: of
    one seed of each side. replicates: by what seed_once + rest_once is divided in the estimate. examples: as many
    equal ones as say the same. parts: of each side in the variance of the examples alone, which sum to 1; between two
    sides with seeds as a logit moves them. least: what that variance is at least, however few answers show it.
    """

    total: float
    rest: float
    degrees: float
    seed_once: float
    rest_once: float
    replicates: float
    most_replicates: int
    moderated: bool
    examples: float
    sides: tuple[_SideNoise, ...]
    parts: tuple[float, ...]
    least: float

    @property
    def leans(self) -> bool:
        """Whether one of two sides answered once, as a base does: its luck is all in the examples' noise, which leans
        as rare answers do."""
        return len(self.sides) > 1 and any(side.degrees == 0.0 for side in self.sides)


def pooled_prior(sides: Iterable[tuple[Side, Layout]], *, ends: ScaleEnds | None, gone: int = 0) -> SeedPrior | None:
    """What an eval's arms say together; `None` where they are too few. A side without two seeds says nothing, nor does
    one whose seeds give the same answers. One that lost seeds says what is left of it: without it a noisy arm that
    loses a seed would make all others surer. gone: arms of several seeds of which none has a score."""
    trained = [(side, plan) for side, plan in sides if side.trained and not side.drawn]
    measured = [on_scale(side, plan, ends) for side, plan in trained if np.ptp(side.values, axis=0).any()]
    lost = gone + sum(side.lost for side, _ in trained)
    return seed_prior([scaled.variance for scaled in measured if scaled.variance is not None], lost=lost)


def seed_term(
    arm: Side, reference: Side | None, plan: Layout, *, ends: ScaleEnds | None, prior: SeedPrior | None
) -> SeedTerm | None:
    """Seeds of the two sides are independent draws, whatever their numbers (equal numbers may share a data order; if
    that correlates the sides at all it makes them alike, and then this interval is too wide, not too narrow).

    `None` where no side has two seeds. The degrees of freedom are Satterthwaite's over the sides, at most those of all
    arms together where both are moderated.
    """
    both = [side for side in (arm, reference) if side is not None]
    sides = [_side_noise(side, plan, ends, prior) for side in both]
    if ends is not None:
        sides = _as_noisy_as_the_other(sides)
    together = prior is not None and all(side.moderated for side in sides if side.degrees > 0)
    most = float(prior.pooled_degrees) if prior is not None and together else float("inf")
    return _combined(sides, both, plan, ends, most)


def floor_term(
    arm: Side, reference: Side | None, plan: Layout, *, ends: ScaleEnds | None, prior: SeedPrior | None
) -> SeedTerm | None:
    """Both sides with the seed noise of all arms together: what a side of two seeds that is not moderated must not be
    surer than, since two seeds agree by chance. `None` where no side is one, or the arms say nothing together."""
    both = [side for side in (arm, reference) if side is not None]
    if prior is None or not any(_alone_with_two(side, prior) for side in both):
        return None
    sides = [_side_noise(side, plan, ends, prior, floor=True) for side in both]
    return _combined(sides, both, plan, ends, prior.floor_degrees)


def _alone_with_two(side: Side, prior: SeedPrior) -> bool:
    """Whether it has two rows and nothing of the other arms' noise."""
    return side.trained and side.values.shape[0] == 2 and (side.drawn or not prior.usable)


def _combined(
    sides: Sequence[_SideNoise], both: Sequence[Side], plan: Layout, ends: ScaleEnds | None, most: float
) -> SeedTerm | None:
    """The term of one or two sides. both: their rows. most: degrees of freedom that it can have."""
    trained = [side for side in sides if side.degrees > 0]
    if not trained:
        return None
    alone = None if ends is None else _examples_alone(both, sides, plan)
    own = alone or [side.slope for side in sides]
    terms = np.array([side.variance / side.seeds for side in trained])
    freedom = np.array([side.degrees for side in trained])
    degrees = float(terms.sum() ** 2 / (terms**2 / freedom).sum()) if terms.sum() > 0 else float(freedom.min())
    return SeedTerm(
        total=float(terms.sum()),
        rest=sum(side.rest / side.seeds for side in trained),
        degrees=min(degrees, most),
        seed_once=sum(max(0.0, side.variance - side.rest) for side in trained),
        rest_once=sum(side.rest for side in trained),
        replicates=sum(side.variance for side in trained) / float(terms.sum()) if terms.sum() > 0 else trained[0].seeds,
        most_replicates=max(side.seeds for side in trained),
        moderated=any(side.moderated for side in trained),
        examples=equal_examples(plan),
        sides=tuple(sides),
        parts=tuple(part / sum(own) for part in own),
        least=0.0 if alone is None else sum(alone),
    )


def _examples_alone(both: Sequence[Side], sides: Sequence[_SideNoise], plan: Layout) -> tuple[float, float] | None:
    """The examples' variance of each of two rates of which one has no seeds.

    A base that answered once has nearly all of it beside the mean of several trainings: each side has its own variance,
    less what both share, less the noise of its seeds by examples; where nothing is right, that of half an answer more.
    `None` between two sides with seeds: what their examples show beyond the seeds is no more than noise."""
    if all(side.degrees > 0.0 for side in sides):
        return None
    left, right = (side.values.mean(axis=0) for side in both)
    one, other, apart = (_example_variance(values, plan) for values in (left, right, left - right))
    shown = [
        max(0.0, 0.5 * (apart + more) + side.added - side.rest / side.seeds)
        for more, side in zip((one - other, other - one), sides, strict=True)
    ]
    return (shown[0], shown[1]) if sum(shown) > 0.0 else None


def _example_variance(values: FloatArray, plan: Layout) -> float:
    spread = unit_spread(plan.totals(values), plan)
    return 0.0 if spread is None else spread.variance


def _as_noisy_as_the_other(sides: list[_SideNoise]) -> list[_SideNoise]:
    """Sides of which one shows nothing of its noise, because every seed answers alike, as with nothing right: where all
    arms together say nothing either, it has the noise of the other side, in logits."""
    for silent, other in zip(sides, sides[::-1], strict=True):
        if (
            silent is not other
            and silent.degrees > 0
            and silent.variance == silent.rest == 0.0
            and other.variance > 0.0
        ):
            variance = other.variance * (silent.slope / other.slope) ** 2
            taken = replace(silent, variance=variance, degrees=other.degrees)
            return [taken if side is silent else side for side in sides]
    return sides


def logit_curve(centre: float, away: FloatArray, error: float, term: SeedTerm, ends: ScaleEnds) -> WeightedCurve:
    """The curve of rates. centre: of the example noise; away: the quantiles of its curve at `NODES` less their
    median, as if they were symmetric; error: their standard error; all in units of the score."""
    width = ends[1] - ends[0]
    bottom = ends[0] if len(term.sides) == 1 else 0.0
    rates = [
        Rate(value=side.rate, part=part, pull=_pull(side, term))
        for side, part in zip(term.sides, term.parts, strict=True)
    ]
    if term.leans:
        away = skewed(away, skewness(rates, error / width), error)
    return logit_seed_curve(
        (centre + away - bottom) / width,
        rates[0],
        rates[1] if len(rates) > 1 else None,
        width=width,
        lowest=ends[0],
        degrees=term.degrees,
    )


def rates_noise(term: SeedTerm, ends: ScaleEnds | None, known: float | None = None) -> RatesNoise | None:
    """Where both sides are, and their noise in logits; `None` for a single side, and for scores that are no rates.
    known: the other side of a single one, by definition."""
    if ends is None or (known is None and len(term.sides) < 2):
        return None
    width = ends[1] - ends[0]
    rates = [
        RateNoise(rate=side.rate, seed_error=(side.variance / side.seeds) ** 0.5 / side.slope) for side in term.sides
    ]
    if known is not None:
        rates.append(RateNoise(rate=(known - ends[0]) / width, seed_error=0.0, known=True))
    return RatesNoise(arm=rates[0], reference=rates[1], width=width, examples=term.examples)


def _pull(side: _SideNoise, term: SeedTerm) -> float:
    """The side's share of the noise, in logits: such that both together are the whole, to first order."""
    return side.variance / side.seeds / side.slope / float(term.total**0.5)


def _side_noise(
    side: Side, plan: Layout, ends: ScaleEnds | None, prior: SeedPrior | None, *, floor: bool = False
) -> _SideNoise:
    """floor: with the noise of all arms together, in place of its own or a moderated one."""
    scaled = on_scale(side, plan, ends)
    own, slope = scaled.variance, scaled.slope
    variance, degrees = (0.0, 0.0) if own is None else (own.total, float(own.degrees))
    moderated = own is not None and prior is not None and prior.usable and side.comparable and not floor
    if own is not None and prior is not None:
        if floor:
            variance, degrees = prior.together(own), prior.floor_degrees
        elif moderated:
            variance, degrees = prior.moderated(own)
        elif prior.usable and side.short and not side.drawn:
            variance = max(variance, prior.moderated(own)[0])  # seeds that are left may agree by chance
    return _SideNoise(
        rate=scaled.rate,
        added=scaled.added,
        slope=slope,
        seeds=1 if own is None else side.values.shape[0],
        variance=variance * slope**2,
        rest=0.0 if own is None else own.rest * slope**2,
        degrees=degrees,
        moderated=moderated,
    )
