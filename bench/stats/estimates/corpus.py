"""Values and deltas of corpus metrics that are no mean over examples (BLEU, chrF, a ratio of counts).

Contract: an example enters by its sufficient statistics, and a resample sums them and computes the metric anew, over
clusters within tasks as every other score is resampled. The spread and the seeds' share of it come from jackknife
values (Efron & Tibshirani 1993, chapter 11). Missing examples are treated as `bench.stats.estimates.missing` says.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from bench.stats.arrays import BoolArray, FloatArray
from bench.stats.curves.curve import Curve, interval
from bench.stats.estimates.delta import LEVEL, SURVIVED, Delta, untested, with_bounds
from bench.stats.estimates.inference import ScoreScale, infer
from bench.stats.estimates.missing import AsScored, WorstCase, missing_bounds
from bench.stats.estimates.paired import REPLICATES, delta_of
from bench.stats.estimates.replicates import noise_statement
from bench.stats.estimates.single import Estimate
from bench.stats.noise.moderation import SeedPrior
from bench.stats.noise.seed_term import pooled_prior
from bench.stats.noise.side import Side
from bench.stats.samples.corpus_sample import CorpusPlan, CorpusRows, CorpusScores, complete_rows, corpus_plan
from bench.stats.samples.sample import Layout, Scores, Survivor, several_draws, survivor_of

_LAST_BIT = 1e-9


def corpus_delta(
    arm: CorpusScores,
    reference: CorpusScores,
    *,
    seed: int,
    replicates: int = REPLICATES,
    level: float = LEVEL,
    prior: SeedPrior | None = None,
) -> Delta | None:
    """arm - reference, in units of the metric; `None` where no example has both, or a task has none.

    prior: `corpus_seed_prior` of the eval's arms.

    n_better, n_worse: examples whose statistics, put into the reference, raise or lower its value. Raises ValueError
    where the two are not over the same examples.
    """
    if arm.values.shape[1:] != reference.values.shape[1:]:
        raise ValueError("sufficient statistics must be [seeds, examples, statistics] over the same examples")
    options = _CorpusOptions(seed=seed, replicates=replicates, level=level, prior=prior)
    delta = _delta(arm, reference, options)
    shares = arm.missing_share, reference.missing_share
    if delta is None or not any(shares):
        return delta
    donors = [_donors(side, (arm, reference)) for side in (arm, reference)]
    lowest, highest = (
        _delta(_donated(arm, donors[0], end), _donated(reference, donors[1], 1 - end), options) for end in (0, 1)
    )
    assert lowest is not None, "every example is counted"
    assert highest is not None, "every example is counted"
    return with_bounds(delta, lowest, highest, shares=shares, scale=_scale_of(arm, donors))


def corpus_interval(
    scores: CorpusScores,
    *,
    seed: int,
    replicates: int = REPLICATES,
    level: float = LEVEL,
    prior: SeedPrior | None = None,
) -> Estimate | None:
    """A corpus metric's value, averaged over seeds, with its interval; `None` where there is no example, or a task has
    none. prior: as in `corpus_delta`."""
    options = _CorpusOptions(seed=seed, replicates=replicates, level=level, prior=prior)
    corpus_value = _value(scores, options)
    if corpus_value is None or not scores.missing_share:
        return None if corpus_value is None else corpus_value[0]
    donors = _donors(scores, (scores,))
    cases = []
    for end in (0, 1):
        case = _value(_donated(scores, donors, end), options)
        assert case is not None, "every example is counted"
        assert case[0].mean is not None, "every example is counted"
        cases.append(
            WorstCase(estimate=case[0].mean, standard_error=case[0].standard_error, curve=case[1], p_value=None)
        )
    bounds = missing_bounds(
        *cases,
        scored=AsScored(low=corpus_value[0].low, high=corpus_value[0].high),
        level=level,
        missing=scores.missing_share,
        reference_missing=None,
        scale=_scale_of(scores, [donors]),
    )
    return replace(corpus_value[0], bounds=bounds)


def corpus_seed_prior(arms: Iterable[CorpusScores]) -> SeedPrior | None:
    """What the seeds of all arms of one corpus metric say together, from the jackknife values of each arm; as
    `seed_prior_of`."""
    sides: list[tuple[Side, Layout]] = []
    distinct = {(arm.values.tobytes(), arm.present.tobytes()): arm for arm in arms}
    gone = 0
    for arm in distinct.values():
        kept = _kept(arm)
        if kept is not None:
            part = arm.part(kept)
            plan = corpus_plan(part)
            sides.append((_side(complete_rows(part), plan, trained=arm.trained), plan.plan))
        elif arm.trained and not several_draws(arm.draws):
            gone += arm.present.shape[0] > 1
    return pooled_prior(sides, ends=None, gone=gone)


def linearised(scores: CorpusScores) -> Scores:
    """Jackknife values in place of scores: their mean is the corpus value, gaps stay gaps."""
    kept = _kept(scores)
    values = np.zeros(scores.present.shape)
    present = scores.present & False
    if kept is not None:
        part = scores.part(kept)
        at = np.ix_(scores.present.any(axis=1), kept)
        values[at] = corpus_plan(part).jackknife(complete_rows(part).values)
        present[at] = scores.present[at]
    return Scores(
        values=np.where(present, values, 0.0),
        present=present,
        weights=np.ones(present.shape[1]),
        clusters=scores.clusters,
        strata=scores.strata,
        draws=scores.draws,
        trained=scores.trained,
    )


def _kept(*sides: CorpusScores) -> BoolArray | None:
    """Examples that some seed of each side has; `None` without any, or where a task has none."""
    kept = np.logical_and.reduce([side.present.any(axis=0) for side in sides])
    strata = sides[0].strata
    whole = strata is None or set(strata.tolist()) == set(strata[kept].tolist())
    return np.asarray(kept) if kept.any() and whole else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _CorpusOptions:
    """How an interval is made. prior: of the noise of the arms' seeds."""

    seed: int
    replicates: int
    level: float
    prior: SeedPrior | None


def _delta(arm: CorpusScores, reference: CorpusScores, options: _CorpusOptions) -> Delta | None:
    """The delta from the examples that are there."""
    kept = _kept(arm, reference)
    if kept is None:
        return None
    scores = arm.part(kept), reference.part(kept)
    plan = corpus_plan(scores[0])
    left, right = (complete_rows(side) for side in scores)
    sides = _side(left, plan, trained=arm.trained), _side(right, plan, trained=reference.trained)
    draws = plan.resampled((left, right), seed=options.seed, replicates=options.replicates)
    span = float(np.ptp(np.concatenate([side.values.ravel() for side in sides])))
    scale = ScoreScale(binary=False, support=None, seen=(-span, span) if span > 0 else None, pseudo=1)
    inference = infer(
        *sides,
        plan.plan,
        scale,
        seed=options.seed,
        replicates=options.replicates,
        draws=draws[0] - draws[1],
        prior=options.prior,
    )
    better, worse = _replaced(left, right, plan)
    delta = replace(
        delta_of(inference, *sides, plan.plan, options.level, prior=options.prior),
        n_better=better,
        n_worse=worse,
        n_missing=int((~kept).sum()),
        arm_seeds=left.seeds,
        reference_seeds=right.seeds,
        seeds_failed=left.failed + right.failed,
    )
    lone = _survivor(scores[0]) or _survivor(scores[1])
    return delta if lone is None else untested(delta, SURVIVED[lone])


def _value(scores: CorpusScores, options: _CorpusOptions) -> tuple[Estimate, Curve | None] | None:
    """The value from the examples that are there, with its confidence curve."""
    kept = _kept(scores)
    if kept is None:
        return None
    part = scores.part(kept)
    plan, rows = corpus_plan(part), complete_rows(part)
    side = _side(rows, plan, trained=scores.trained)
    draws = plan.resampled((rows,), seed=options.seed, replicates=options.replicates)[0]
    spread, support = (float(side.values.min()), float(side.values.max())), scores.metric.support
    seen = support or (spread if spread[1] > spread[0] else None)
    scale = ScoreScale(binary=False, support=support, seen=seen, pseudo=2)
    inference = infer(
        side,
        None,
        plan.plan,
        scale,
        seed=options.seed,
        replicates=options.replicates,
        draws=draws,
        prior=options.prior,
    )
    lone = _survivor(part)
    if lone is not None:
        inference = replace(
            inference, curve=None, standard_error=None, method="none", components=None, reason=SURVIVED[lone]
        )
    low, high = (None, None) if inference.curve is None else interval(inference.curve, options.level)
    means = tuple(float(value) for value in rows.weights @ plan.value(rows.values))
    estimate = Estimate(
        mean=inference.estimate,
        low=low,
        high=high,
        level=options.level,
        standard_error=inference.standard_error,
        method=inference.method,
        noise="none" if inference.method == "none" else noise_statement(side, prior=options.prior),
        reason=inference.reason,
        n_examples=int(kept.sum()),
        n_missing=int((~kept).sum()),
        seeds=rows.seeds,
        seeds_failed=rows.failed,
        seed_values=means,
        seed_deviation=float(np.std(means, ddof=1)) if len(means) > 1 else None,
        components=inference.components,
    )
    return estimate, inference.curve


def _side(rows: CorpusRows, plan: CorpusPlan, *, trained: bool) -> Side:
    return Side(
        values=rows.weights @ plan.jackknife(rows.values),
        trained=trained,
        drawn=rows.drawn,
        short=rows.failed > 0,
    )


def _survivor(scores: CorpusScores) -> Survivor | None:
    """What is left alone of several."""
    return survivor_of(np.asarray(scores.present.any(axis=1)), scores.draws) if scores.trained else None


def _replaced(arm: CorpusRows, reference: CorpusRows, plan: CorpusPlan) -> tuple[int, int]:
    """How many examples of the arm raise, and lower, the reference's value in place of its own."""
    new, old = arm.values.mean(axis=0), reference.values.mean(axis=0)
    label = plan.plan.stratum[plan.plan.unit]
    total = np.stack([old[label == task].sum(axis=0) for task in range(plan.plan.n_strata)])[label]
    before, after = plan.metric(total), plan.metric(total - old + new)
    differs = np.abs(after - before) > _LAST_BIT * np.maximum(np.abs(before), np.abs(after)) / len(old)
    changed = (new != old).any(axis=-1) & differs
    return int((changed & (after > before)).sum()), int((changed & (after < before)).sum())


def _donors(scores: CorpusScores, sides: tuple[CorpusScores, ...]) -> FloatArray:
    """By example the statistics, seen in its task, that would lower and raise the side's value most: [2, examples, k].

    A corpus metric has no worst answer that is known without the answer: the worst and best that were seen replace it.
    """
    label = np.zeros(scores.values.shape[1], dtype=np.int64) if scores.strata is None else scores.strata
    donors = np.zeros((2, *scores.values.shape[1:]))
    for task in np.unique(label):
        inside = label == task
        seen = np.concatenate([side.values[:, inside][side.present[:, inside]] for side in sides])
        total = scores.values[:, inside].sum(axis=(0, 1))
        value = scores.metric.of_sums(total + seen)
        donors[0, inside], donors[1, inside] = seen[value.argmin()], seen[value.argmax()]
    return donors


def _donated(scores: CorpusScores, donors: FloatArray, end: int) -> CorpusScores:
    """Statistics with the gaps of seeds that have any filled by the donors."""
    alive = np.logical_or.reduce(scores.present, axis=1, keepdims=True)
    gaps = alive & ~scores.present
    return replace(
        scores,
        values=np.where(gaps[..., None], donors[end], scores.values),
        present=np.broadcast_to(alive, scores.present.shape).copy(),
    )


def _scale_of(scores: CorpusScores, donors: list[FloatArray]) -> tuple[float, float]:
    """The metric of the lowest and of the highest donor alone."""
    values = [scores.metric.of_sums(rows) for rows in donors]
    return float(min(part[0].min() for part in values)), float(max(part[1].max() for part in values))
