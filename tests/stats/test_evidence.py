"""What takes evidence away never raises confidence: random deletions, averaged over fresh data."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.stats.conclusions.claims import decide
from bench.stats.conclusions.information import Size, information
from bench.stats.conclusions.multiplicity import holm
from bench.stats.conclusions.sequential import Spending, nominal_levels, sequential_p
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.replicates import seed_prior_of
from bench.stats.noise.variance import Components
from bench.stats.samples.sample import Scores
from benchmarks.simulations.evidence import (
    Taken,
    a_seed_of_another,
    all_draws_but_one,
    all_seeds_but_one,
    all_seeds_of_the_last,
    clustered_answers,
    clustered_scores,
    drawn_scores,
    one_draw,
    one_seed,
    some_examples,
    some_labels,
    some_scores,
    strengths,
)
from benchmarks.simulations.lean import lean
from benchmarks.simulations.trained import items

RUNS = 30


@pytest.fixture(autouse=True, scope="module")
def faster() -> Iterator[None]:
    """As in `python -m benchmarks.simulations evidence`."""
    with lean():
        yield


ITEMS = items([0.3, *[0.1] * 5], seeds=3, deviation=0.4)


def rates(rng: np.random.Generator) -> list[Scores]:
    return list(ITEMS(rng).arms)


@pytest.mark.parametrize(("noisy", "effect"), [(0.3, 0.0), (1.2, 1.0)])
def test_less_evidence_is_no_surer_on_average(noisy: float, effect: float) -> None:
    """Alike arms, and one that is noisier; every deletion of the same data, so that only what it changes is noise.

    Planted and found: examples without a label as clusters of their own (width 0.974).
    """
    draw = partial(clustered_scores, deviations=[noisy, *[0.3] * 5], effect=effect)
    takes = [one_seed, some_scores, some_examples, some_labels]
    before, afters = strengths(draw, takes, RUNS, rng=np.random.default_rng(5))
    for take, after in zip(takes, afters, strict=True):
        assert after.width >= 0.99, take
        assert after.p >= before.p - 0.01, take
        assert after.marked <= before.marked + 1.5 / RUNS, take
        assert after.decided <= before.decided + 1.5 / RUNS, take


@pytest.mark.parametrize("take", [one_seed, some_scores, some_examples])
def test_less_evidence_of_rates_is_no_surer_on_average(take: Taken) -> None:
    before, (after,) = strengths(rates, [take], RUNS, rng=np.random.default_rng(6))
    assert after.width >= 0.99
    assert after.p >= before.p - 0.04
    assert after.marked <= before.marked + 0.05
    assert after.decided <= before.decided + 0.05


def test_less_evidence_of_answers_in_clusters_is_no_surer_on_average() -> None:
    takes = [one_seed, some_scores, some_examples, some_labels]
    draw = partial(clustered_answers, effect=0.6)
    before, afters = strengths(draw, takes, RUNS, rng=np.random.default_rng(6))
    for take, after in zip(takes, afters, strict=True):
        assert after.width >= 0.99, take
        assert after.p >= before.p - 0.02, take
        assert max(after.marked - before.marked, after.decided - before.decided) <= 0.05, take


@pytest.mark.parametrize("noisy", [0.3, 1.8])
def test_what_another_arm_loses_makes_a_comparison_no_surer(noisy: float) -> None:
    """Seen: a noisy arm that lost a seed was no longer asked, and the intervals of all others were a sixth narrower."""
    draw = partial(clustered_scores, deviations=[*[0.3] * 5, noisy], effect=0.0)
    takes = [a_seed_of_another, all_seeds_of_the_last]
    before, (one, whole) = strengths(draw, takes, RUNS, rng=np.random.default_rng(6))
    assert one.width >= 0.98
    assert whole.width >= 1.0
    assert max(one.decided, whole.decided) <= before.decided + 0.02
    assert min(one.p, whole.p) >= before.p - 0.02


@pytest.mark.parametrize("effect", [0.0, 1.0])
def test_a_lost_subset_draw_makes_nothing_surer_on_average(effect: float) -> None:
    before, (after,) = strengths(partial(drawn_scores, effect=effect), [one_draw], RUNS, rng=np.random.default_rng(8))
    assert after.width >= 0.99
    assert after.p >= before.p - 0.04
    assert after.marked <= before.marked + 0.05
    assert after.decided <= before.decided + 0.05


@pytest.mark.parametrize(
    ("draw", "take"),
    [
        (partial(clustered_scores, deviations=[0.3] * 6, effect=3.0), all_seeds_but_one),
        (rates, all_seeds_but_one),
        (partial(drawn_scores, effect=3.0), all_draws_but_one),
    ],
)
def test_a_survivor_is_never_marked(draw: Callable[[np.random.Generator], list[Scores]], take: Taken) -> None:
    """Two seeds of the only draw that was left said nothing of what another draw would give, and decided."""
    (after,) = strengths(draw, [take], 10, rng=np.random.default_rng(7))[1]
    assert (after.marked, after.p, after.decided) == (0.0, 1.0, 0.0)


P_VALUES = st.lists(st.floats(1e-9, 1.0), min_size=2, max_size=12)


@settings(derandomize=True)
@given(p_values=P_VALUES, data=st.data())
def test_a_lost_metric_or_arm_makes_no_other_test_surer(p_values: list[float], data: st.DataObject) -> None:
    """What is left of a family whose members lost their scores: exactly, not on average."""
    lost = data.draw(st.sets(st.integers(0, len(p_values) - 1), min_size=1))
    left = [None if place in lost else p for place, p in enumerate(p_values)]
    for before, after in zip(holm(p_values), holm(left), strict=True):
        assert after is None or before is None or after >= before - 1e-12


@settings(max_examples=25, derandomize=True)
@given(
    looks=st.sets(st.integers(2, 10), min_size=1, max_size=4),
    p_value=st.floats(1e-5, 0.2),
    spending=st.sampled_from(["obrien_fleming", "pocock"]),
)
def test_a_look_or_a_training_that_was_lost_decides_no_sooner(
    looks: set[int], p_value: float, spending: Spending
) -> None:
    """The latest look with fewer trainings, or a look at fewer trainings after one at more, is no surer."""
    steps = sorted(looks)
    fractions = [step / 12 for step in steps]
    latest = sequential_p(p_value, fractions, spending)
    assert latest >= p_value
    for place in range(len(steps) - 1):
        assert sequential_p(p_value, fractions, spending, place=place) >= p_value
    if steps[-1] - 1 not in looks and steps[-1] > 2:
        fewer = [*fractions[:-1], (steps[-1] - 1) / 12]
        if spending == "obrien_fleming":
            assert sequential_p(p_value, fewer, spending) >= latest - 1e-3


SIZES = st.builds(Size, trainings=st.integers(2, 24), examples=st.integers(20, 2_000))


@settings(max_examples=40, derandomize=True)
@given(
    sizes=st.lists(SIZES, min_size=2, max_size=5),
    noise=st.tuples(*[st.floats(0.0, 4.0)] * 3),
    known=st.booleans(),
    data=st.data(),
)
def test_fewer_trainings_or_examples_are_no_more_information(
    sizes: list[Size], noise: tuple[float, float, float], known: bool, data: st.DataObject
) -> None:
    """Nor is a look after others surer than alone, whatever grew between them."""
    example, seed, rest = noise
    parts = Components(example=example, seed=seed, rest=rest, replicates=3.0) if known else None
    shares = information(sizes, sizes[0], parts)
    assert max(shares) == 1.0
    for first, share in zip(sizes, shares, strict=True):
        for second, other in zip(sizes, shares, strict=True):
            if first.trainings <= second.trainings and first.examples <= second.examples:
                assert share <= other + 1e-12
    fractions = sorted({max(share, 1e-3) for share in shares})
    place = data.draw(st.integers(0, len(fractions) - 1))
    if all(later - earlier > 1e-3 for earlier, later in pairwise(fractions)) and len(fractions) <= 3:
        level = nominal_levels(tuple(fractions), 0.05, "pocock")[place]
        assert level <= 0.05 + 1e-6


def test_a_lone_noisy_training_against_a_quiet_control_supports_nothing() -> None:
    """Seen: with the control's noise borrowed, claims on their threshold were supported in 24% of the runs."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        arms = clustered_scores(rng, [2.0, *[0.1] * 5], effect=0.0)
        lone = arms[0].row(0)
        delta = paired_delta(lone, arms[1], seed=0, replicates=1, prior=seed_prior_of(arms))
        assert decide(">", delta).outcome == "inconclusive"
        assert delta.low is None
