"""Verdicts: the sentence that a practitioner acts on."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from bench.stats.conclusions.claim_types import ClaimQuestion
from bench.stats.conclusions.claims import decide, decide_family
from bench.stats.estimates.costs.ratio import cost_ratio
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.power import needed
from bench.stats.noise.variance import Components
from bench.stats.samples.sample import scores

DIFFERENCES = np.random.default_rng(8).normal(0.1, 0.5, 18)  # few enough for Student's t, which is known exactly


def compare(values: np.ndarray) -> Delta:
    return paired_delta(scores([values.tolist()]), scores([[0.0] * len(values)], trained=False), seed=0)


@pytest.mark.parametrize(
    ("relation", "margin", "shift", "outcome"),
    [
        (">", 0.0, 1.0, "supported"),
        (">", 0.0, -1.0, "refuted"),
        (">", 0.0, 0.0, "inconclusive"),
        (">", 2.0, 1.0, "refuted"),
        (">=", 0.5, 0.0, "supported"),
        (">=", 0.5, -1.5, "refuted"),
        (">=", 0.0, 0.0, "inconclusive"),
        ("==", 0.7, -0.1, "supported"),
        ("==", 0.5, 1.5, "refuted"),
        ("==", 0.5, -1.5, "refuted"),
        ("==", 0.1, 0.0, "inconclusive"),
    ],
)
def test_outcomes(relation: str, margin: float, shift: float, outcome: str) -> None:
    verdict = decide(relation, compare(DIFFERENCES + shift), margin=margin)  # type: ignore[arg-type]
    assert verdict.outcome == outcome
    assert verdict.reason is None, "the report's sentence is written from the figures"


def test_p_values_are_those_of_the_t_tests() -> None:
    delta = compare(DIFFERENCES)
    less = stats.ttest_1samp(DIFFERENCES, -0.2, alternative="greater").pvalue
    assert decide(">=", delta, margin=0.2).p_value == pytest.approx(2 * less)
    tost = DescrStatsW(DIFFERENCES).ttost_mean(-0.6, 0.6)[0]
    assert decide("==", delta, margin=0.6).p_value == pytest.approx(2 * tost)


def test_lower_is_better_turns_the_claim_round() -> None:
    better_loss = compare(DIFFERENCES - 1)
    assert decide(">", better_loss, higher_is_better=False).outcome == "supported"
    assert decide(">", better_loss).outcome == "refuted"
    assert decide(">=", better_loss, higher_is_better=False, margin=0.1).outcome == "supported"


@settings(max_examples=80, derandomize=True)
@given(st.floats(-1, 1), st.sampled_from([">", ">="]), st.floats(0, 1.5), st.booleans(), st.integers(15, 80))
def test_no_better_where_the_interval_includes_the_threshold(
    shift: float, relation: str, margin: float, up: bool, size: int
) -> None:
    delta = compare(np.random.default_rng(size).normal(shift, 0.5, size))
    low, high = (delta.low, delta.high) if up else (-delta.high, -delta.low)
    threshold = margin if relation == ">" else -margin
    verdict = decide(relation, delta, margin=margin, higher_is_better=up, plan=False)  # type: ignore[arg-type]
    expected = "supported" if low > threshold else "refuted" if high < threshold else "inconclusive"
    assert verdict.outcome == expected or min(abs(low - threshold), abs(high - threshold)) < 1e-6


@settings(max_examples=60, derandomize=True)
@given(st.floats(-1, 1), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_wider_margin_never_loses_a_non_inferiority_or_equivalence(shift: float, one: float, other: float) -> None:
    delta = compare(DIFFERENCES + shift)
    narrow, wide = sorted([one, other])
    for relation in (">=", "=="):
        if decide(relation, delta, margin=narrow).outcome == "supported":
            assert decide(relation, delta, margin=wide).outcome == "supported"
    if decide(">", delta, margin=wide).outcome == "supported":
        assert decide(">", delta, margin=narrow).outcome == "supported"


def test_small_binary_samples_need_the_mid_p_value_as_well() -> None:
    """6 flips to 0 of 60: Tango excludes zero only with p = 0.014; mid-p says 0.016. 4 to 0: 0.046 against 0.063."""
    arm, base = scores([[1] * 4 + [0] * 56], binary=True), scores([[0] * 60], binary=True, trained=False)
    verdict = decide(">", paired_delta(arm, base, seed=0))
    assert verdict.p_value == pytest.approx(0.0625)
    assert verdict.outcome == "inconclusive"


def test_what_is_missing_is_incomplete_and_what_is_too_small_is_inconclusive() -> None:
    question = ClaimQuestion(relation=">", comparison=None, missing="lima_1k/full seed 1: out of memory")
    gone = decide_family([question])[0]
    assert (gone.outcome, gone.reason) == ("incomplete", "lima_1k/full seed 1: out of memory")
    nothing = paired_delta(scores([[None]]), scores([[1.0]]), seed=0)
    assert decide(">", nothing).outcome == "incomplete"
    one = paired_delta(scores([[2.0]]), scores([[1.0]]), seed=0)
    assert decide(">", one).outcome == "inconclusive"


def test_an_open_claim_says_what_would_decide_it() -> None:
    verdict = decide(">", compare(DIFFERENCES))
    assert verdict.outcome == "inconclusive"
    assert verdict.needed_examples is not None
    assert verdict.needed_examples > 18
    assert verdict.needed_seeds is None
    assert decide(">", compare(DIFFERENCES + 1)).needed_examples is None


@pytest.mark.parametrize(
    ("relation", "margin", "distance"), [(">=", 0.3, 0.2), (">", 0.1, 0.2), ("==", 0.25, 0.15), (">", 0.0, 0.1)]
)
def test_what_would_decide_it_is_what_its_distance_from_the_threshold_needs(
    relation: str, margin: float, distance: float
) -> None:
    """An estimate of -0.1; beside a second claim at half of the level."""
    delta = compare(DIFFERENCES - DIFFERENCES.mean() - 0.1)
    assert delta.components is not None
    question = ClaimQuestion(relation=relation, comparison=delta, margin=margin)  # type: ignore[arg-type]
    for size in (1, 2):
        verdict = decide_family([question] * size)[0]
        expected = needed(distance, delta.components, examples=18, level=1 - 0.05 / size)
        assert (verdict.outcome, verdict.needed_examples) == ("inconclusive", expected.examples)
        assert verdict.needed_examples is not None


def test_seeds_of_a_subset_draw_are_needed_in_full() -> None:
    """Six seeds on two draws: three more seeds for each draw more."""
    generator = np.random.default_rng(1)
    values = generator.normal(size=(6, 100)) * 0.1 + np.repeat([[0.0], [0.1]], 3, axis=0)
    arm = scores(values.tolist(), draws=[0, 0, 0, 1, 1, 1])
    delta = paired_delta(arm, scores([[0.0] * 100], trained=False), seed=0)
    verdict = decide(">", delta)
    assert delta.components is not None
    draws = needed(abs(delta.estimate or 0.0), delta.components, examples=100).seeds
    assert draws is not None
    assert verdict.needed_seeds == 3 * draws


def test_examples_and_seeds_that_decide_only_together_are_both_said() -> None:
    """Nine seeds on three draws, noisy as the examples are; seeds are counted in full."""
    parts = Components(
        example=0.05, seed=0.01, rest=0.0, example_degrees=17, seed_degrees=2, replicates=3, most_replicates=3
    )
    delta = replace(compare(DIFFERENCES - DIFFERENCES.mean() + 0.05), components=parts, arm_seeds=9)
    verdict = decide(">", delta)
    together = needed(0.05, parts, examples=18).together
    assert (verdict.needed_examples, verdict.needed_seeds) == (None, None)
    assert verdict.needed_together == (together[0], 3 * together[1])
    assert verdict.together_range is not None
    low, high = verdict.together_range
    assert low is not None
    assert low < together[0]
    assert high is None, "two degrees of freedom: the noise may be nine times as much"


def test_the_seeds_that_a_cost_needs_are_those_of_its_trainings_noise() -> None:
    ratio = cost_ratio([8.0, 11.0, 9.0, 8.5], [10.0, 12.0, 9.5])
    assert ratio.log_variance is not None
    parts = Components(
        example=0.0, seed=ratio.log_variance, rest=0.0, seed_degrees=ratio.degrees, replicates=3.0, most_replicates=4
    )
    expected = needed(abs(np.log(ratio.ratio or 1.0)), parts, examples=1).seeds
    assert expected is not None
    assert decide(">", ratio, higher_is_better=False).needed_seeds == expected


def test_a_worse_arm_needs_the_mid_p_value_as_well() -> None:
    """4 flips to 0 the other way round: refuted no sooner than the better one is supported."""
    arm, base = scores([[0] * 60], binary=True), scores([[1] * 4 + [0] * 56], binary=True, trained=False)
    verdict = decide(">", paired_delta(arm, base, seed=0))
    assert verdict.p_value == pytest.approx(0.0625)
    assert (verdict.outcome, verdict.leaning) == ("inconclusive", "refuted")


def test_an_open_claim_leans_to_the_side_of_its_estimate() -> None:
    """2 and 1 of 23 right against 2 and 2: worse by 2.2 points, though the interval reaches further up."""
    rights = [[1] * count + [0] * (23 - count) for count in (2, 1)], [[1] * 2 + [0] * 21] * 2
    delta = paired_delta(*(scores(side, binary=True) for side in rights), seed=0)
    assert delta.estimate == pytest.approx(-0.5 / 23)
    worse, within = (decide(">=", delta, margin=margin) for margin in (0.02, 0.03))
    assert (worse.outcome, worse.leaning) == ("inconclusive", "refuted")
    assert (within.outcome, within.leaning) == ("inconclusive", "supported")
    assert decide("==", delta, margin=0.03).leaning == "supported"


def test_more_is_better_unless_said_otherwise() -> None:
    assert decide_family([ClaimQuestion(relation=">", comparison=compare(DIFFERENCES + 1))])[0].outcome == "supported"


def test_holm_over_the_family() -> None:
    """Alone it would be supported; among ten it is not, and the report says so."""
    values = DIFFERENCES - DIFFERENCES.mean() + 2.5 * DIFFERENCES.std(ddof=1) / 18**0.5  # t = 2.5, p = 0.023
    alone = decide(">", compare(values))
    assert alone.outcome == "supported"
    assert alone.p_value > 0.005
    noise = [ClaimQuestion(relation=">", comparison=compare(DIFFERENCES - 0.1)) for _ in range(9)]
    family = decide_family([ClaimQuestion(relation=">", comparison=compare(values)), *noise])
    assert family[0].outcome == "inconclusive"
    assert family[0].adjusted_p == pytest.approx(10 * alone.p_value)
    assert family[0].needed_examples is not None


def test_a_claim_that_lost_its_comparison_makes_no_other_one_surer() -> None:
    first, second = (ClaimQuestion(relation=">", comparison=compare(DIFFERENCES + more)) for more in (1.0, 0.2))
    gone = ClaimQuestion(relation=">", comparison=None)
    whole, after = decide_family([first, second])[0], decide_family([first, gone])[0]
    assert after.adjusted_p == whole.adjusted_p == pytest.approx(2 * decide(">", compare(DIFFERENCES + 1)).p_value)


def test_a_claim_about_cost() -> None:
    """ "At most ten percent slower" on three runs each."""
    slower = cost_ratio([10.4, 10.5, 10.6], [10.0, 10.1, 9.9])
    assert decide(">=", slower, margin=0.1, higher_is_better=False).outcome == "supported"
    assert decide(">=", slower, margin=0.01, higher_is_better=False).outcome == "refuted"
    assert decide("==", slower, margin=0.1, higher_is_better=False).outcome == "supported"
    single = cost_ratio([10.4], [10.0])
    assert decide(">=", single, margin=0.1, higher_is_better=False).outcome == "inconclusive"
    noisy = decide(">", cost_ratio([8.0, 11.0, 9.0], [10.0, 12.0, 9.5]), higher_is_better=False)
    assert noisy.outcome == "inconclusive"
    assert noisy.needed_seeds > 3
    assert noisy.needed_examples is None


@pytest.mark.parametrize("margin", [0.1, 0.2, 0.3, 0.7])
@pytest.mark.parametrize(
    ("relation", "at", "beyond"),
    [(">=", "supported", "refuted"), (">", "refuted", "supported"), ("==", "supported", "refuted")],
)
def test_a_margin_of_a_cost_is_a_share_and_its_end_is_within_it(
    relation: str, at: str, beyond: str, margin: float
) -> None:
    """Of counts, without noise. 10.5% more is beyond a margin of 10%, though its logarithm, 0.0998, is below 0.1."""
    for share, outcome in ((margin, at), (margin * 1.05, beyond)):
        dear, cheap = [1000.0 * (1.0 + share)] * 2, [1000.0] * 2
        sides = (cheap, dear) if relation == ">" else (dear, cheap)
        verdict = decide(relation, cost_ratio(*sides, counted=True), margin=margin, higher_is_better=False)
        assert verdict.outcome == outcome


def test_an_equality_without_a_margin_is_refused() -> None:
    with pytest.raises(ValueError, match="margin above zero"):
        ClaimQuestion(relation="==", comparison=None)
    with pytest.raises(ValueError, match="zero or more"):
        ClaimQuestion(relation=">", comparison=None, margin=-1.0)


@pytest.mark.parametrize(("relation", "margin", "truth"), [(">", 0.0, 0.0), (">=", 0.1, -0.1), ("==", 0.1, 0.1)])
def test_a_true_null_is_supported_in_at_most_five_of_a_hundred(relation: str, margin: float, truth: float) -> None:
    generator = np.random.default_rng(12)
    outcomes = []
    for _ in range(400):
        difference = generator.normal(truth, 0.5, 100)
        arm = scores([difference.tolist()])
        delta = paired_delta(
            arm, scores([[0.0] * 100], trained=False), seed=int(generator.integers(1 << 30)), replicates=300
        )
        outcomes.append(decide(relation, delta, margin=margin, plan=False).outcome)  # type: ignore[arg-type]
    assert outcomes.count("supported") <= 0.05 * 400
    assert outcomes.count("refuted") <= 0.05 * 400


@pytest.mark.parametrize(("relation", "truth"), [(">=", 1.1), (">", 1 / 1.1), ("==", 1.1)])
def test_a_true_null_about_a_cost_is_supported_in_at_most_five_of_a_hundred(relation: str, truth: float) -> None:
    """Three seeds a side, less is better, a margin of 10%, and the truth on its threshold."""
    generator = np.random.default_rng(12)
    outcomes = []
    for _ in range(400):
        arm, reference = truth * np.exp(0.05 * generator.normal(size=3)), np.exp(0.05 * generator.normal(size=3))
        ratio = cost_ratio(arm.tolist(), reference.tolist())
        verdict = decide(relation, ratio, margin=0.1, higher_is_better=False, plan=False)  # type: ignore[arg-type]
        outcomes.append(verdict.outcome)
    assert outcomes.count("supported") <= 0.05 * 400
    assert outcomes.count("refuted") <= 0.05 * 400


def test_from_no_variance_at_all_the_rule_of_three_says_how_many_examples() -> None:
    """Three seeds of both sides right on all of 20 examples: they may differ by 2 on one that was not seen."""
    right = scores([[1] * 20] * 3, binary=True)
    verdict = decide(">=", paired_delta(right, right, seed=0), margin=0.02)
    assert verdict.outcome == "inconclusive"
    assert verdict.needed_examples == 183
    assert verdict.needed_seeds is None


def test_an_open_claim_says_the_level_and_the_range_of_what_would_decide_it() -> None:
    values = np.random.default_rng(4).normal(0.1, 1.0, (3, 60)) + np.array([[0.3], [0.0], [-0.3]])
    delta = paired_delta(scores(values.tolist()), scores([[0.0] * 60], trained=False), seed=0, replicates=200)
    first, second = decide_family([ClaimQuestion(relation=">", comparison=delta)] * 2)
    assert first == second
    assert first.needed_level == 0.025
    assert first.needed_seeds is not None
    assert first.seeds_range is not None
    low, high = first.seeds_range
    assert low is not None
    assert low <= first.needed_seeds
    assert high is None or high > 2 * first.needed_seeds
