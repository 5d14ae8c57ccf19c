"""Two seeds that agree by chance, in evals whose arms are too few to moderate their noise."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bench.stats.curves.curve import interval
from bench.stats.estimates.corpus import corpus_delta, corpus_seed_prior
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.replicates import seed_prior_of
from bench.stats.noise.moderation import SeedPrior, SeedVariance, seed_prior
from bench.stats.samples.sample import Scores
from benchmarks.simulations.data import matrix
from tests.stats.noise.test_moderated_statistics import rates

BASE = matrix(np.zeros((1, 60)), trained=False)


def arm(*seeds: float, **fields: object) -> Scores:
    """Seeds whose examples differ by hardly anything, so that the seeds are all the noise."""
    ripple = 1e-6 * np.random.default_rng(0).normal(size=60)
    return matrix(np.array(seeds)[:, None] + ripple, **fields)


FAR_APART = [arm(0.0, 1.0), arm(0.5, -0.7), arm(0.2, -0.6)]
AGREEING = arm(0.4, 0.4 + 1e-5)


def half(delta: Delta | None, *, level: float = 0.95) -> float:
    assert delta is not None
    assert delta.curve is not None
    low, high = interval(delta.curve, level)
    return (high - low) / 2


def half_width(scores: Scores, prior: SeedPrior | None, *, level: float = 0.95) -> float:
    return half(paired_delta(scores, BASE, seed=0, prior=prior, replicates=200), level=level)


def together(arms: list[Scores], *, degrees: int) -> float:
    """Half of the 95% interval of two seeds' mean, by the arms' variances pooled."""
    pooled = np.mean([scores.values.mean(axis=1).var(ddof=1) for scores in arms])
    return float((pooled / 2) ** 0.5 * stats.t.ppf(0.975, degrees))


@pytest.mark.parametrize(("others", "degrees"), [(FAR_APART[:1], 2), (FAR_APART[:2], 2), (FAR_APART, 3)])
def test_seeds_that_agree_are_no_surer_than_all_arms_together(others: list[Scores], degrees: int) -> None:
    """Seen: of four arms with two seeds, one whose seeds both had 0.481 had a fifth of its neighbour's interval."""
    arms = [AGREEING, *others]
    assert half_width(AGREEING, None) < 1e-3
    assert half_width(AGREEING, seed_prior_of(arms)) == pytest.approx(together(arms, degrees=degrees), rel=1e-3)


def test_seeds_that_differ_keep_what_is_their_own() -> None:
    prior = seed_prior_of([AGREEING, *FAR_APART])
    assert half_width(FAR_APART[1], prior) == half_width(FAR_APART[1], None)


def test_no_level_is_surer_than_the_arms_own_seeds() -> None:
    """All arms together have more degrees of freedom: with seeds a little apart they are wider at 95%, not at 99.9%."""
    near = arm(0.4, 0.5)
    prior = seed_prior_of([near, *FAR_APART])
    for level in (0.5, 0.95, 0.99, 0.999, 0.9999):
        assert half_width(near, prior, level=level) >= half_width(near, None, level=level)
    assert half_width(near, prior) > half_width(near, None)
    assert half_width(near, prior, level=0.9999) == half_width(near, None, level=0.9999)


def test_three_seeds_are_left_to_themselves() -> None:
    three = [arm(0.4, 0.4, 0.4 + 1e-5), arm(0.0, 1.0, 0.3)]
    assert half_width(three[0], seed_prior_of(three)) == half_width(three[0], None)


def test_two_draws_that_agree_are_as_noisy_as_the_trainings_of_others_whether_these_are_moderated_or_not() -> None:
    """The noise of a draw comes on top of that of training."""
    drawn = replace(AGREEING, draws=np.array([0, 1]))
    few, many = seed_prior_of(FAR_APART), seed_prior_of([*FAR_APART, arm(0.1, 1.0), arm(0.0, -0.9), arm(0.3, 1.2)])
    assert (few.usable, many.usable) == (False, True)
    assert half_width(drawn, few) == pytest.approx(together(FAR_APART, degrees=2), rel=1e-3)
    assert half_width(drawn, many) > 100 * half_width(drawn, None)


def test_a_difference_of_two_arms_whose_seeds_agree_has_the_noise_of_both() -> None:
    other = arm(0.1, 0.1 + 1e-5)
    arms = [AGREEING, other, *FAR_APART]
    delta = paired_delta(AGREEING, other, seed=0, prior=seed_prior_of(arms))
    assert half(delta) == pytest.approx(2**0.5 * together(arms, degrees=4), rel=1e-3)
    assert delta.components is not None
    assert delta.components.seed_degrees == 4.0, "what would decide is planned with the noise of all arms"


def right(*counts: int) -> Scores:
    """Right answers of 160, the same ones first."""
    return matrix(np.array([np.arange(160) < count for count in counts]), binary=True)


def test_rates_are_no_surer_on_the_logit_scale_either() -> None:
    """The report in which it was seen: right answers of 160, of four arms with two seeds."""
    arms = [right(77, 77), right(75, 79), right(78, 72), right(76, 74)]
    base = matrix(np.arange(160) < 72, binary=True, trained=False)
    own, asked = (paired_delta(arms[0], base, seed=0, prior=prior) for prior in (None, seed_prior_of(arms)))
    assert half(asked) > 1.5 * half(own)
    assert "nowhere narrower than by the seeds of all arms together" in asked.method


def test_corpus_metrics_are_no_surer_either() -> None:
    corpus = [
        replace(scores, values=scores.values[:2], present=scores.present[:2])
        for scores in rates(np.random.default_rng(4))[:4]
    ]
    turned = np.stack([corpus[0].values[0], corpus[0].values[0][::-1]])
    corpus[0] = replace(corpus[0], values=turned)
    base = replace(corpus[0], values=turned[:1], present=corpus[0].present[:1], trained=False)
    own, asked = (
        corpus_delta(corpus[0], base, seed=0, replicates=200, prior=prior)
        for prior in (None, corpus_seed_prior(corpus))
    )
    assert half(asked) > 1.5 * half(own)


def test_a_choice_among_few_arms_takes_no_agreement_for_certainty() -> None:
    pairs = [SeedVariance(total=total, rest=0.0, degrees=1) for total in (1e-5, 0.5, 1.0, 4.0)]
    prior = seed_prior(pairs)
    assert prior.for_choice(pairs[0]) == (pytest.approx((1e-5 + 5.5) / 4), 3.0)
    assert prior.for_choice(pairs[2]) == (1.0, 1.0), "wider by one degree of freedom"
    of_three = SeedVariance(total=1e-5, rest=0.0, degrees=2)
    assert seed_prior([of_three, pairs[2]]).for_choice(of_three) == (1e-5, 2.0)
