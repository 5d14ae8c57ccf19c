"""Beside each delta: what the run could have seen. Beside each open claim: what would decide it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats
from statsmodels.stats.power import TTestPower

from bench.stats.estimates.half_width import SeedEstimates, half_widths
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.power import Needed, detectable_effect, needed, needed_range, needed_unseen, together_range
from bench.stats.noise.variance import Components
from bench.stats.samples.sample import scores
from benchmarks.simulations.measure import measure
from benchmarks.simulations.trained import seeded


def test_detectable_effect_is_near_statsmodels_exact_one() -> None:
    exact = TTestPower().solve_power(nobs=200, alpha=0.05, power=0.8)
    assert detectable_effect(200**-0.5, 199) == pytest.approx(exact, rel=0.005)


def test_a_true_effect_of_that_size_is_found_four_times_in_five() -> None:
    generator = np.random.default_rng(4)
    zero = scores([[0.0] * 60], trained=False)
    found = []
    for trial in range(600):
        values = generator.normal(detectable_effect(60**-0.5, 59), 1, 60)
        found.append(paired_delta(scores([values.tolist()]), zero, seed=trial, replicates=300).p_value <= 0.05)
    assert 0.75 <= np.mean(found) <= 0.85


def test_examples_needed_is_near_statsmodels_exact_number() -> None:
    exact = TTestPower().solve_power(effect_size=0.1, alpha=0.05, power=0.8)
    parts = Components(example=1 / 200, seed=None, rest=None, example_degrees=199)
    more = needed(0.1, parts, examples=200)
    assert more.examples == pytest.approx(exact, abs=2)
    assert more.seeds is None


def test_what_examples_cannot_decide_seeds_can_and_the_other_way_round() -> None:
    seed_bound = three_seeds(example=1e-6, seed=0.01)
    assert needed(0.05, seed_bound, examples=1_000).examples is None
    seeds = needed(0.05, seed_bound, examples=1_000).seeds
    assert seeds is not None
    assert 30 < seeds < 40  # (2.03 + 0.85)² * 0.01 / 0.05² = 33
    example_bound = three_seeds(example=0.01, seed=1e-6)
    assert needed(0.05, example_bound, examples=100).seeds is None
    assert needed(0.05, example_bound, examples=100).examples is not None


def test_two_sides_of_seeds_tell_more_than_one() -> None:
    one, both = three_seeds(example=0.0, seed=0.01), three_seeds(example=0.0, seed=0.01, sides=2)
    fewer, more = needed(0.12, both, examples=1).seeds, needed(0.12, one, examples=1).seeds  # at 0.1 both are 10
    assert fewer is not None
    assert more is not None
    assert fewer < more


def test_what_few_seeds_need_is_what_decides_four_times_in_five() -> None:
    """Three seeds, noise of the examples above all: by Satterthwaite's degrees alone it would be two in three."""
    parts = three_seeds(example=1 / 100, seed=0.02**2, rest=0.25 / 100, examples=100)
    examples = needed(0.2, parts, examples=100).examples
    assert examples is not None
    draw = seeded(3, 0, 1.0, 0.02, 0.5, examples=examples, effect=0.2)
    assert 73 <= measure(draw, 300, replicates=100, same=1).at_5.percent <= 87


def test_the_effect_that_a_few_seeds_can_see_is_seen_four_times_in_five() -> None:
    effect = detectable_effect(200**-0.5, 199, seed_error=(0.25 / 200 / 3) ** 0.5, seed_degrees=2, seeds=3)
    assert 73 <= measure(seeded(3, 0, 1.0, 0.0, 0.5, effect=effect), 300, replicates=100, same=1).at_5.percent <= 87


def three_seeds(*, example: float, seed: float, rest: float = 0.0, examples: int = 1_000, sides: int = 1) -> Components:
    return Components(
        example=example,
        seed=seed,
        rest=rest,
        example_degrees=examples - 1,
        seed_degrees=2 * sides,
        replicates=3,
        most_replicates=3,
    )


def test_where_neither_alone_decides_both_together_do() -> None:
    parts = three_seeds(example=0.01, seed=0.01)
    found = needed(0.05, parts, examples=100)
    assert (found.examples, found.seeds) == (None, None)
    assert found.together is not None
    examples, seeds = found.together
    assert examples > 100
    assert seeds > 3
    at_hand = needed(
        0.05, replace(parts, replicates=seeds, most_replicates=seeds, seed_degrees=seeds - 1), examples=100
    )
    assert at_hand.examples == examples, "with these seeds that many examples decide it"


def test_the_examples_beside_more_seeds_have_a_range_too() -> None:
    """The only number without one was the one that rests on both noises: `66,000 examples and 12 seeds together`."""
    parts = replace(three_seeds(example=0.01, seed=0.01), seed_degrees=40.0)
    found = needed(0.05, parts, examples=100).together
    assert found is not None
    low, high = together_range(0.05, parts, found[1], examples=100)
    assert low is not None
    assert high is not None
    assert low < found[0] < high
    quantile = stats.chi2.ppf(0.9, 40) / 40
    quieter = replace(parts, example=0.01 * 999 / stats.chi2.ppf(0.9, 999), seed=0.01 / quantile)
    more = replace(quieter, replicates=found[1], most_replicates=found[1], seed_degrees=2.0 * (found[1] - 1))
    assert needed(0.05, more, examples=100).examples == low


def test_an_estimate_on_the_threshold_is_decided_by_nothing() -> None:
    assert needed(0.0, three_seeds(example=1.0, seed=1.0), examples=10) == Needed(examples=None, seeds=None)


def resolution(parts: Components, growth: float, seeds: float, degrees: float) -> float:
    """The detectable effect with `growth` times the examples and `seeds` seeds, from the model of variance."""
    assert parts.seed is not None
    assert parts.rest is not None
    return detectable_effect(
        (parts.example / growth) ** 0.5,
        (parts.example_degrees + 1) * growth - 1,
        seed_error=((parts.seed + parts.rest / growth) / seeds) ** 0.5,
        seed_degrees=degrees,
        seeds=seeds,
    )


def test_the_examples_needed_are_the_fewest_that_are_enough() -> None:
    parts = three_seeds(example=0.01, seed=0.0004, rest=0.0025, examples=100)
    count = needed(0.2, parts, examples=100).examples
    assert count is not None
    assert resolution(parts, count / 100, 3, 2) <= 0.2 < resolution(parts, (count - 1) / 100, 3, 2)
    enough = resolution(parts, 1.01, 3, 2)
    assert needed(enough * (1 + 1e-9), parts, examples=100).examples == 101, "never less than one more"


def test_the_seeds_needed_are_the_fewest_that_are_enough() -> None:
    for sides in (1, 2):
        parts = three_seeds(example=1e-4, seed=0.01, rest=0.001, sides=sides)
        seeds = needed(0.1, parts, examples=100).seeds
        assert seeds is not None
        fewer, just = (resolution(parts, 1, count, sides * (count - 1)) for count in (seeds - 1, seeds))
        assert just <= 0.1 < fewer
        for count in (4, 5, 9):
            distance = resolution(parts, 1, count, sides * (count - 1)) * (1 + 1e-9)
            assert needed(distance, parts, examples=100).seeds == count


def test_examples_and_seeds_together_are_the_fewest_answers() -> None:
    """Of 2, 3, 4, 6 … times the seeds, that with the fewest answers over all seeds."""
    parts = three_seeds(example=0.01, seed=0.01)
    found = needed(0.05, parts, examples=100).together
    tries = []
    for seeds in (6, 9, 12, 18, 24, 36, 48):
        more = replace(parts, replicates=seeds, most_replicates=seeds, seed_degrees=seeds - 1)
        count = needed(0.05, more, examples=100).examples
        tries += [] if count is None else [(count, seeds)]
    assert found == min(tries, key=lambda pair: pair[0] * pair[1])


@pytest.mark.parametrize("seed_error", [0.005, 0.02, 0.2])
def test_the_half_width_of_both_noises_by_integration(seed_error: float) -> None:
    """Where the sum of two Student variables has 97.5% below it."""
    error = 0.05
    known = SeedEstimates(errors=np.array([seed_error]), degrees=np.array([2.5]), chances=np.ones(1))
    (half_width,) = half_widths(error, 199, known, level=0.95)

    def density(x: float) -> float:
        return float(stats.t.cdf((half_width - x) / seed_error, 2.5) * stats.t.pdf(x / error, 199) / error)

    below = integrate.quad(density, -0.5, 0.5, limit=200, points=[half_width])[0]
    assert below == pytest.approx(0.975, abs=2e-4)


@pytest.mark.parametrize("smaller", [0.5, 0.1])
def test_two_sides_of_three_seeds_do_not_know_their_noise(smaller: float) -> None:
    """Power over all that both sides' variances may come out as, by Gauss and Laguerre; Welch's interval of each. The
    true noise in place of its estimates promised 80% and found two in three."""
    nodes, weights = np.polynomial.laguerre.laggauss(40)  # of a chi-squared variable of two degrees, halved
    first, second = np.meshgrid((1 - smaller) * nodes, smaller * nodes)
    freedom = 2 * (first + second) ** 2 / (first**2 + second**2)
    half_width = (first + second) ** 0.5 * stats.t.ppf(0.975, freedom)
    degrees = 2 / (smaller**2 + (1 - smaller) ** 2)
    effect = detectable_effect(0.0, np.inf, seed_error=1.0, seed_degrees=degrees, seeds=3)
    found = stats.norm.sf(half_width - effect) + stats.norm.sf(half_width + effect)
    assert float((found * np.outer(weights, weights)).sum()) == pytest.approx(0.8, abs=0.005)
    known = detectable_effect(0.0, np.inf, seed_error=1.0, seed_degrees=12.0, seeds=3)
    assert known == pytest.approx(stats.t.ppf(0.975, 12) + stats.t.ppf(0.8, 12), rel=0.02), "all arms know it"


def test_a_seed_noise_of_one_side_alone_counts_as_one_sides() -> None:
    """Satterthwaite's degrees near those of one side: seeds of the other would tell nothing."""
    parts = replace(three_seeds(example=1e-6, seed=0.01), seed_degrees=2.0)
    one = needed(0.05, parts, examples=1_000).seeds
    unknown = needed(0.05, replace(parts, seed_degrees=None), examples=1_000).seeds
    assert one == unknown
    half = needed(0.05, replace(parts, seed_degrees=3.0), examples=1_000).seeds
    both = needed(0.05, replace(parts, seed_degrees=4.0), examples=1_000).seeds
    assert one is not None
    assert half is not None
    assert both is not None
    assert both <= half <= one
    assert both < one
    assert needed(0.05, replace(parts, seed_degrees=9.0), examples=1_000).seeds == both, (
        "there are no more than two sides"
    )


def test_without_any_noise_one_more_is_enough() -> None:
    nothing = Components(example=0.0, seed=0.0, rest=0.0, seed_degrees=2, replicates=3, most_replicates=3)
    assert needed(0.1, nothing, examples=10) == Needed(examples=11, seeds=4)
    assert needed(0.1, nothing, examples=0) == Needed(examples=None, seeds=None), "of no example nothing is known"


def test_the_range_is_that_of_the_noise_itself() -> None:
    """Two degrees of freedom: 80% of the time the noise is between 0.43 and 9.5 times the variance that was seen."""
    parts = three_seeds(example=1e-6, seed=0.01)
    fewest, most = needed_range(0.1, parts, examples=1_000)
    factors = [2 / stats.chi2.ppf(end, 2) for end in (0.9, 0.1)]
    expected = [needed(0.1, replace(parts, seed=0.01 * factor), examples=1_000).seeds for factor in factors]
    seen = needed(0.1, parts, examples=1_000).seeds
    assert [fewest.seeds, most.seeds] == expected
    assert fewest.seeds is not None
    assert seen is not None
    assert most.seeds is not None
    assert fewest.seeds < seen < most.seeds
    assert most.seeds > 5 * seen
    plain = Components(example=0.01, seed=None, rest=None, example_degrees=19)
    low, high = needed_range(0.1, plain, examples=20)
    one = needed(0.1, plain, examples=20)
    assert low.examples is not None
    assert one.examples is not None
    assert high.examples is not None
    assert low.examples < one.examples < high.examples


def test_what_was_never_seen_to_differ_needs_the_rule_of_three() -> None:
    """20 examples that all agree: 183 bound what was not seen to 0.02, not 21."""
    assert needed_unseen(0.02, 1.0, units=20, examples=20) == 183
    assert 1 - 0.025 ** (1 / 183) <= 0.02 < 1 - 0.025 ** (1 / 182)
    assert needed_unseen(0.02, 1.0, units=10, examples=20) == 366, "in clusters of two"
    assert needed_unseen(0.5, 1.0, units=20, examples=20) == 21
    assert needed_unseen(0.0, 1.0, units=20, examples=20) is None
    assert needed_unseen(1e-9, 1.0, units=20, examples=20) is None
