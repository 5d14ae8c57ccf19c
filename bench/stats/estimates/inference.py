"""From aligned scores to an estimate with its confidence curve: the one place where a method is chosen.

Contract: pure; the same arrays and seed give the same result. Example noise comes from the studentised bootstrap over
sampling units, or, where the bootstrap has too little to draw from (few units, few that differ, right-or-wrong
scores with structure), from Student's t with pseudo-observations. The seeds' noise is `bench.stats.noise.seed_term`'s,
convolved with the example noise (Behrens-Fisher): a bootstrap over three seeds would be far too narrow.
"""

from dataclasses import dataclass, replace

import numpy as np

from bench.stats.arrays import FloatArray
from bench.stats.curves.curve import GRID, Curve, DrawsCurve, SeedCurve, StudentCurve, TiedCurve, WiderCurve, interval
from bench.stats.curves.logit_curve import NODES
from bench.stats.noise.moderation import SeedPrior
from bench.stats.noise.seed_term import SeedTerm, floor_term, logit_curve, rates_noise, seed_term
from bench.stats.noise.side import Side, lone_among_several
from bench.stats.noise.variance import Components, Spread, unit_spread
from bench.stats.samples.resample import studentised_draws
from bench.stats.samples.sample import Layout, Scores

LONE_TRAINING = "one side has a single training, the other several: the noise of the single one is unknown"
MIN_BOOTSTRAP_UNITS = 20  # below this, resamples of so few values say less than Student's t


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreScale:
    """What values the quantity can take.

    binary: the scores are right or wrong, perhaps with ties half-way. support: lowest and highest possible value, or
    None where unknown. seen: the widest range that the observed
    scores span, which bounds what was not seen where all values agree; None where the scores do not vary at all.
    pseudo: pseudo-observations at each end (1 for a delta: Bonett & Price 2012; 2 for a proportion: Agresti & Coull
    1998). ends: lowest and highest score of a rate, whose seed noise is then on the logit scale. known: what a value is
    compared with, where that is a number by definition.
    """

    binary: bool
    support: tuple[float, float] | None
    seen: tuple[float, float] | None
    pseudo: int
    ends: tuple[float, float] | None = None
    known: float | None = None


def value_scale(scores: Scores, values: FloatArray, *, known: float | None = None) -> ScoreScale:
    """The scale of one subject's own value. values: its complete rows."""
    bounds = (0.0, 1.0) if scores.binary else scores.bounds
    seen = (float(values.min()), float(values.max())) if bounds is None else bounds
    return ScoreScale(
        binary=scores.coarse,
        support=bounds,
        seen=seen if seen[1] > seen[0] else None,
        pseudo=2 if known is None else 1,
        ends=scores.rate_ends,
        known=known,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """curve is None, and reason says why, where no interval can be given."""

    estimate: float
    curve: Curve | None
    standard_error: float | None
    method: str
    components: Components | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _ExampleNoise:
    curve: Curve
    spread: Spread
    method: str


def infer(
    arm: Side,
    reference: Side | None,
    plan: Layout,
    scale: ScoreScale,
    *,
    seed: int,
    replicates: int,
    draws: FloatArray | None = None,
    prior: SeedPrior | None = None,
) -> Inference:
    """Estimate of arm - reference (or of the arm alone), averaged over seeds, for n >= 1 complete examples.

    prior: what the eval's arms say together about their seeds' noise; `None`: each side's own seeds alone.

    draws: [replicates] bootstrap draws of the estimate, where the caller has resampled a statistic that is no mean.
    """
    contrast = arm.values.mean(axis=0) - (0.0 if reference is None else reference.values.mean(axis=0))
    estimate = float(plan.mean(contrast))
    unit = "clusters" if plan.clustered else "examples"
    spread = unit_spread(plan.totals(contrast), plan)
    if spread is None:
        short = "one example" if plan.n_units == 1 else f"a task with fewer than two {unit}"
        return _without_interval(estimate, f"{short}: no interval can be given")
    if lone_among_several(arm, reference):
        return _without_interval(estimate, LONE_TRAINING)
    noise = _example_noise(contrast, estimate, spread, plan, scale, seed=seed, replicates=replicates, draws=draws)
    if noise is None:
        return _without_interval(estimate, "every score is the same: no interval can be given")
    own, floor = (term(arm, reference, plan, ends=scale.ends, prior=prior) for term in (seed_term, floor_term))
    inference = _with_seeds(estimate, noise, own, scale)
    return inference if floor is None else _no_surer(inference, _with_seeds(estimate, noise, floor, scale))


def _no_surer(own: Inference, floor: Inference) -> Inference:
    """At every level the wider of two curves; the parts are those of the one with the wider 95% interval."""
    if own.curve is None or floor.curve is None:
        return own
    widths = [high - low for low, high in (interval(curve, 0.95) for curve in (own.curve, floor.curve))]
    return replace(
        own if widths[0] >= widths[1] else floor,
        curve=WiderCurve(first=own.curve, second=floor.curve),
        method=f"{own.method}, nowhere narrower than by the seeds of all arms together",
    )


def _without_interval(estimate: float, reason: str) -> Inference:
    return Inference(estimate=estimate, curve=None, standard_error=None, method="none", components=None, reason=reason)


def _example_noise(
    contrast: FloatArray,
    estimate: float,
    spread: Spread,
    plan: Layout,
    scale: ScoreScale,
    *,
    seed: int,
    replicates: int,
    draws: FloatArray | None,
) -> _ExampleNoise | None:
    unit = "clusters" if plan.clustered else "examples"
    size = float(np.abs(contrast).max())
    if spread.variance <= (1e-12 * size) ** 2:
        return _tied(estimate, spread, plan, scale)
    values, counts = np.unique(contrast, return_counts=True)
    usual, untied = float(values[counts.argmax()]), contrast.size - int(counts.max())
    if scale.binary:
        return _adjusted(contrast, estimate, spread, plan, ends=_pseudo_ends(contrast, scale), scale=scale)
    if untied < MIN_BOOTSTRAP_UNITS and untied < contrast.size / 2:
        reach = float(np.abs(contrast - usual).max())
        return _adjusted(contrast, estimate, spread, plan, ends=(usual - reach, usual + reach), scale=scale)
    support = scale.support or (-np.inf, np.inf)
    student = StudentCurve(
        centre=estimate, standard_error=spread.variance**0.5, degrees=spread.degrees, support=support
    )
    if plan.n_units - plan.n_strata < MIN_BOOTSTRAP_UNITS - 1:
        return _ExampleNoise(curve=student, spread=spread, method=f"Student's t over {unit}")
    kind = "bootstrap of the corpus value"
    if draws is None:
        kind = "studentised bootstrap"
        pivots = studentised_draws(plan.totals(contrast), plan, seed=seed, replicates=replicates)
        draws = estimate - spread.variance**0.5 * pivots
    curve = WiderCurve(first=DrawsCurve(values=np.clip(np.sort(draws), *support)), second=student)
    method = f"{kind} over {unit} ({replicates:,} replicates), nowhere narrower than Student's t"
    return _ExampleNoise(curve=curve, spread=spread, method=method)


def _pseudo_ends(contrast: FloatArray, scale: ScoreScale) -> tuple[float, float]:
    """Values to add at both ends. For a proportion: 0 and 1. For a delta, and beside what is known: up and down by the
    typical size of those that differ, which is 1 with one seed and less for means over seeds."""
    if scale.support is not None and scale.support[0] == 0.0 and scale.known is None:
        return scale.support
    centre = scale.known or 0.0
    differing = contrast[contrast != centre] - centre
    size = float(np.sqrt((differing**2).mean()))
    return centre - size, centre + size


def _tied(estimate: float, spread: Spread, plan: Layout, scale: ScoreScale) -> _ExampleNoise | None:
    """All units agree: bound what was not seen. Without any known range there is nothing to bound it by."""
    if scale.seen is None:
        return None
    low, high = scale.seen
    curve = TiedCurve(
        estimate=estimate, units=plan.n_units, below=max(0.0, estimate - low), above=max(0.0, high - estimate)
    )
    return _ExampleNoise(curve=curve, spread=spread, method="exact bound: all values agree")


def _adjusted(
    contrast: FloatArray,
    estimate: float,
    spread: Spread,
    plan: Layout,
    *,
    ends: tuple[float, float],
    scale: ScoreScale,
) -> _ExampleNoise:
    """Student's t after adding `pseudo` observations at each end, so that few unlike values are not taken for none."""
    size = 1.0 / float((plan.share**2).sum())
    total = size + 2 * scale.pseudo
    centre = (size * estimate + scale.pseudo * sum(ends)) / total
    second = (size * (size * spread.variance + estimate**2) + scale.pseudo * (ends[0] ** 2 + ends[1] ** 2)) / total
    adjusted = Spread(variance=(second - centre**2) / total, degrees=spread.degrees)
    curve = StudentCurve(
        centre=centre,
        standard_error=adjusted.variance**0.5,
        degrees=adjusted.degrees,
        support=scale.support or (-np.inf, np.inf),
    )
    unit = "clusters" if plan.clustered else "examples"
    return _ExampleNoise(curve=curve, spread=adjusted, method=f"adjusted Wald interval, Student's t over {unit}")


def _with_seeds(estimate: float, noise: _ExampleNoise, term: SeedTerm | None, scale: ScoreScale) -> Inference:
    """The seeds' values vary by seed + rest, the seed-averaged examples by example + rest: rest is counted once."""
    spread = noise.spread
    if term is None or term.total <= 1e-24 * max(1.0, estimate**2):
        seed, rest = (None, None) if term is None else (term.seed_once, term.rest_once)
        return Inference(
            estimate=estimate,
            curve=noise.curve,
            standard_error=spread.variance**0.5 if spread.variance > 0 else None,
            method=noise.method,
            components=Components(
                example=spread.variance,
                seed=seed,
                rest=rest,
                example_degrees=spread.degrees,
                seed_degrees=None if term is None else term.degrees,
                replicates=1.0 if term is None else term.replicates,
                most_replicates=1 if term is None else term.most_replicates,
            ),
        )
    example = max(term.least, spread.variance - term.rest) if spread.variance > 0.0 else 0.0  # all agree: exact bound
    variance = example + term.total
    where = "training seeds" if scale.ends is None else "training seeds on the logit scale"
    return Inference(
        estimate=estimate,
        curve=_convolved(estimate, noise, example, term, scale),
        standard_error=variance**0.5,
        method=f"{noise.method}; {'moderated ' if term.moderated else ''}Student's t over {where}",
        components=Components(
            example=example,
            seed=term.seed_once,
            rest=term.rest_once,
            example_degrees=spread.degrees,
            seed_degrees=term.degrees,
            replicates=term.replicates,
            most_replicates=term.most_replicates,
            rates=rates_noise(term, scale.ends, scale.known),
        ),
    )


def _convolved(estimate: float, noise: _ExampleNoise, example: float, term: SeedTerm, scale: ScoreScale) -> Curve:
    """The seeds' noise on top of the examples', which is shrunk to the part that is theirs alone."""
    whole = noise.spread.variance**0.5
    shrink = example**0.5 / whole if whole > 0 else 1.0
    centre = float(noise.curve.quantile(0.5))

    def away(chance: FloatArray) -> FloatArray:
        return shrink * (noise.curve.quantile(chance) - centre)

    if scale.ends is not None:
        # pseudo-observations pull the centre towards zero; a curve that leans has its half answer more without them
        middle = estimate if term.leans else centre
        return logit_curve(middle, away(NODES), example**0.5, term, scale.ends)
    return SeedCurve(
        values=centre + away((np.arange(GRID) + 0.5) / GRID),
        seed_error=term.total**0.5,
        seed_degrees=term.degrees,
        support=scale.support or (-np.inf, np.inf),
    )
