"""Moderated seed variances: an arm's few seeds and what all arms say together."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, special, stats

from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.replicates import seed_prior_of
from bench.stats.noise.moderation import LEAST_DEGREES, SeedPrior, SeedVariance, fit_scaled_f, noisiest_p, seed_prior
from bench.stats.samples.sample import Scores
from benchmarks.simulations.data import matrix


def limma(variances: np.ndarray, degrees: np.ndarray) -> tuple[float, float]:
    """Smyth 2004, section 6.2, written down again: e_g = z_g - digamma(d/2) + log(d/2), trigamma(d0/2) by root finding,
    s0 squared = exp(mean(e) + digamma(d0/2) - log(d0/2))."""
    e = np.log(variances) - special.digamma(degrees / 2) + np.log(degrees / 2)
    excess = ((e - e.mean()) ** 2).sum() / (e.size - 1) - special.polygamma(1, degrees / 2).mean()
    half = optimize.brentq(lambda x: float(special.polygamma(1, x)) - excess, 1e-6, 1e6)
    return float(np.exp(e.mean() + special.digamma(half) - np.log(half))), 2 * half


def arms(deviations: list[float], *, seeds: int = 3, rest: float = 0.001, rng: int = 0) -> list[SeedVariance]:
    generator = np.random.default_rng(rng)
    return [
        SeedVariance(total=float((s * generator.normal(size=seeds)).var(ddof=1)), rest=rest, degrees=seeds - 1)
        for s in deviations
    ]


@pytest.mark.parametrize("prior", [1.0, 4.0, 20.0])
def test_the_fit_is_limmas(prior: float) -> None:
    generator = np.random.default_rng(3)
    degrees = generator.integers(1, 6, 400).astype(float)
    true = prior / generator.chisquare(prior, 400) * 2.0
    variances = true * generator.chisquare(degrees) / degrees
    scale, fitted = fit_scaled_f(variances, degrees)
    assert (scale, fitted) == pytest.approx(limma(variances, degrees), rel=1e-6)
    assert scale == pytest.approx(2.0, rel=0.3)
    assert fitted == pytest.approx(prior, rel=0.5)


def test_arms_that_differ_by_chance_alone_are_pooled() -> None:
    scale, degrees = fit_scaled_f(np.array([1.0, 1.1, 0.9, 1.0]), np.array([2.0, 2.0, 4.0, 4.0]))
    assert scale == pytest.approx((2 * 1.0 + 2 * 1.1 + 4 * 0.9 + 4 * 1.0) / 12)
    assert np.isinf(degrees)


def test_the_noisiest_arm_is_measured_by_what_is_expected_of_it() -> None:
    """Three arms of equal noise, and one whose seeds differ twice as much."""
    arms = [SeedVariance(total=total, rest=0.0, degrees=4) for total in (1.0, 1.0, 1.0, 4.0)]
    prior = seed_prior(arms)
    assert prior.noisiest == pytest.approx((4.0 / (prior.scale * prior.between)) ** 0.5)


def test_the_posterior_weighs_by_degrees_of_freedom() -> None:
    fields = {"between": 0.03, "scale": 2.0, "homogeneity_p": 0.5, "noisiest": 1.0, "arms": 6, "deviation": 0.2}
    prior = SeedPrior(degrees=4.0, pooled_degrees=12, **fields)  # type: ignore[arg-type]
    own = SeedVariance(total=0.5, rest=0.01, degrees=2)
    assert prior.moderated(own) == pytest.approx(((4 * 0.08 + 2 * 0.5) / 6, 6.0))
    pooled = SeedPrior(degrees=float("inf"), pooled_degrees=12, **fields)  # type: ignore[arg-type]
    assert pooled.moderated(own) == pytest.approx((0.08, 12.0))
    few = SeedPrior(degrees=50.0, pooled_degrees=12, **fields)  # type: ignore[arg-type]
    assert few.moderated(own)[1] == 12.0, "no more than the seeds of all arms"


def test_two_seeds_that_agree_make_no_quiet_arm() -> None:
    """Of six alike arms with two seeds some agree by chance; as quiet ones, p-values of 5% came in 6.8% of runs."""
    totals = (1e-5, 1e-4, 1e-3, 0.5, 1.0, 4.0)
    pairs = [SeedVariance(total=total, rest=0.0, degrees=1) for total in totals]
    prior = seed_prior(pairs)
    assert not prior.pooled
    together = sum(totals) / 6
    assert prior.moderated(pairs[0])[0] == pytest.approx(together)
    assert prior.moderated(pairs[-1])[0] > together, "a noisy one keeps what is its own"
    unlike = replace(prior, homogeneity_p=0.01)
    assert unlike.for_choice(pairs[0]) == pytest.approx((together, 1.0)), "nor does one among arms that are not alike"
    assert unlike.for_choice(pairs[-1]) == (4.0, 1.0)
    assert prior.for_choice(pairs[0]) == prior.moderated(pairs[0])
    three = SeedVariance(total=1e-5, rest=0.0, degrees=2)
    assert prior.moderated(three)[0] < together


def test_unequal_noise_is_cochrans() -> None:
    variances, degrees = np.array([1.0, 2.0, 14.0, 1.5]), np.full(4, 2.0)
    share = variances.max() / variances.sum()
    expected = 4 * stats.f.sf(3 * share / (1 - share), 2, 6)
    assert noisiest_p(variances, degrees) == pytest.approx(expected)
    assert noisiest_p(np.zeros(4), degrees) == 1.0


@pytest.mark.parametrize(
    ("arms", "seeds", "critical"),
    [(4, 2, 0.9065), (6, 2, 0.7808), (3, 3, 0.8709), (4, 3, 0.7679), (6, 3, 0.6161), (10, 3, 0.4450), (4, 4, 0.6841),
     (6, 4, 0.5321), (6, 6, 0.4447)],
)  # fmt: skip
def test_unequal_noise_is_refused_at_the_published_critical_values(arms: int, seeds: int, critical: float) -> None:
    """Largest variance as a share of all, at 5%: Eisenhart, Hastay & Wallis 1947, "Techniques of Statistical Analysis",
    table 15.1. The bound over arms is exact to the fourth digit there."""
    for share, refused in ((critical + 0.0005, True), (critical - 0.0005, False)):
        variances = np.array([share, *[(1 - share) / (arms - 1)] * (arms - 1)])
        assert (noisiest_p(variances, np.full(arms, seeds - 1.0)) < 0.05) == refused


def test_equal_noise_is_refused_at_its_level() -> None:
    generator = np.random.default_rng(0)
    p = [noisiest_p(generator.chisquare(2, 6) / 2, np.full(6, 2.0)) for _ in range(4_000)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.011)


def test_the_rest_explains_what_differs_between_arms() -> None:
    """Arms whose seed-by-example noise differs, and whose trainings do not vary, have no part in common."""
    generator = np.random.default_rng(1)
    rests = np.array([0.01, 0.09, 0.25, 0.04, 0.16, 0.01])
    total = rests * generator.chisquare(2, 6) / 2 * 0.5
    prior = seed_prior([SeedVariance(total=t, rest=r, degrees=2) for t, r in zip(total, rests, strict=True)])
    assert prior.between == 0.0
    expected = [prior.moderated(SeedVariance(total=0.0, rest=r, degrees=2))[0] for r in (0.01, 0.25)]
    assert expected[1] == pytest.approx(25 * expected[0])


def test_the_common_part_makes_the_pooled_ratio_one() -> None:
    generator = np.random.default_rng(2)
    own = [
        SeedVariance(total=(0.04 + r) * float(generator.chisquare(40)) / 40, rest=r, degrees=40)
        for r in (0.01, 0.02, 0.05, 0.1)
    ]
    prior = seed_prior(own)
    assert np.mean([arm.total / (prior.between + arm.rest) for arm in own]) == pytest.approx(1.0)
    assert prior.between == pytest.approx(0.04, rel=0.6)


def test_too_few_arms_or_seeds_moderate_nothing() -> None:
    assert not seed_prior(arms([1.0, 1.0], seeds=9)).usable
    assert not seed_prior(arms([1.0] * 3, seeds=2)).usable, "three degrees of freedom in all"
    assert seed_prior(arms([1.0] * LEAST_DEGREES, seeds=2)).usable
    assert seed_prior(arms([1.0], seeds=9)) is None, "nothing is said together by one"
    still = [SeedVariance(total=0.0, rest=0.0, degrees=2)] * 6
    assert seed_prior(still) is None, "arms whose seeds never differ say nothing"
    assert seed_prior([*still[:3], *arms([1.0])]) is None


def test_equal_means_of_one_arm_do_not_undo_the_prior() -> None:
    """Three seeds that agree by rounding are a variance of zero, and its logarithm is not evidence of unlike arms."""
    alike = arms([1.0] * 6, rng=4)
    prior = seed_prior([*alike, SeedVariance(total=0.0, rest=0.001, degrees=2)])
    assert prior.degrees > 2


def population(deviations: list[float], rng: int, *, examples: int = 60) -> list[Scores]:
    generator = np.random.default_rng(rng)
    return [matrix(s * generator.normal(size=(3, 1)) + generator.normal(size=(3, examples))) for s in deviations]


def test_alike_arms_narrow_one_anothers_intervals() -> None:
    sides = population([0.5] * 6, 1)
    prior = seed_prior_of(sides)
    assert prior.usable
    own, moderated = paired_delta(sides[0], sides[1], seed=0), paired_delta(sides[0], sides[1], seed=0, prior=prior)
    assert own.components is not None
    assert moderated.components.seed_degrees == 12 > (own.components.seed_degrees or 0)
    assert moderated.seed_prior == prior
    assert "moderated over 6 arms" in moderated.noise
    assert own.seed_prior is None


def test_a_noisier_arm_leaves_each_to_its_own_seeds() -> None:
    sides = population([8.0, 0.2, 0.2, 0.2, 0.2, 0.2], 3)
    prior = seed_prior_of(sides)
    assert prior.homogeneity_p < 0.05
    own, asked = paired_delta(sides[0], sides[1], seed=0), paired_delta(sides[0], sides[1], seed=0, prior=prior)
    assert (asked.low, asked.high, asked.p_value) == (own.low, own.high, own.p_value)
    assert "each arm's own" in asked.noise


def test_what_says_nothing_of_the_trainings_is_not_asked() -> None:
    sides = population([0.5] * 3, 1)
    base = matrix(np.zeros((1, 60)), trained=False)
    drawn = matrix(np.random.default_rng(0).normal(size=(4, 60)) * 9, draws=np.array([0, 0, 1, 1]))
    lone = matrix(np.ones((1, 60)))
    assert seed_prior_of([*sides, base, drawn, lone, sides[0]]) == seed_prior_of(sides)


def test_an_arm_with_subset_draws_stays_with_its_own() -> None:
    sides = population([0.5] * 3, 1)
    drawn = matrix(np.random.default_rng(0).normal(size=(4, 60)), draws=np.array([0, 0, 1, 1]))
    base = matrix(np.zeros((1, 60)), trained=False)
    prior = seed_prior_of(sides)
    own, asked = paired_delta(drawn, base, seed=0), paired_delta(drawn, base, seed=0, prior=prior)
    assert (asked.low, asked.high, asked.noise) == (own.low, own.high, own.noise)


def without(scores: Scores, *seeds: int) -> Scores:
    present = scores.present.copy()
    present[list(seeds)] = False
    return replace(scores, present=present, values=np.where(present, scores.values, 0.0))


def test_an_arm_that_lost_seeds_stays_with_its_own_and_tells_others_what_is_left() -> None:
    """Seeds are seldom lost at random: what is left is no draw of what the arms have in common. Others that did without
    it would be surer by what it lost."""
    sides = population([0.5] * 6, 1)
    prior = seed_prior_of(sides)
    short = without(sides[0], 2)
    left = seed_prior_of([short, *sides[1:]])
    assert (left.arms, left.pooled_degrees, left.lost) == (6, 11, 0)
    base = matrix(np.zeros((1, 60)), trained=False)
    asked = paired_delta(short, base, seed=0, prior=prior)
    assert asked.components.seed_degrees == 1.0
    whole = paired_delta(sides[0], base, seed=0, prior=prior)
    assert whole.high - whole.low < asked.high - asked.low  # type: ignore[operator]


@pytest.mark.parametrize("lost", [(0, 1), (0, 1, 2)])
def test_an_arm_of_which_nothing_shows_the_noise_leaves_each_to_its_own_seeds(lost: tuple[int, ...]) -> None:
    """Seen: a noisy arm that lost a seed was no longer asked, and all others were taken for alike and quiet."""
    sides = population([8.0, 0.2, 0.2, 0.2, 0.2, 0.2], 3)
    left = seed_prior_of([without(sides[0], *lost), *sides[1:]])
    assert (left.alike, left.lost, left.usable) == (True, 1, False)
    own, asked = paired_delta(sides[1], sides[2], seed=0), paired_delta(sides[1], sides[2], seed=0, prior=left)
    assert (asked.low, asked.high, asked.p_value) == (own.low, own.high, own.p_value)
    assert "an arm lost its seeds" in asked.noise


def test_a_noisy_arm_is_still_noticed_by_the_seeds_that_it_has_left() -> None:
    sides = population([8.0, 0.2, 0.2, 0.2, 0.2, 0.2], 3)
    left = seed_prior_of([without(sides[0], 1), *sides[1:]])
    assert not left.alike


def test_what_is_left_of_an_arm_is_no_quieter_than_the_arms_together() -> None:
    """Two seeds that agree by chance, the third lost, made the arm's difference surer than all three had."""
    sides = population([0.5] * 6, 1)
    agreeing = replace(sides[0], values=np.stack([sides[0].values[0], sides[0].values[0][::-1], sides[0].values[2]]))
    short, base = without(agreeing, 2), matrix(np.zeros((1, 60)), trained=False)
    prior = seed_prior_of([short, *sides[1:]])
    own, asked = paired_delta(short, base, seed=0), paired_delta(short, base, seed=0, prior=prior)
    assert own.standard_error is not None
    assert asked.standard_error is not None
    assert asked.standard_error > own.standard_error
    assert asked.components.seed_degrees == pytest.approx(1.0)
