"""The statistics of the speed gate: a CI that cries wolf is switched off, one that sleeps is of no use."""

import math
import random

import pytest

from bench.perf.interleaved import Slowdown, log_ratio, slowdown

BLOCKS, PAIRS = 6, 24


def noisy_blocks(
    draw: random.Random, ratio: float, *, between: float = 0.01, within: float = 0.03
) -> list[list[float]]:
    """Log ratios as they look on a shared machine: block effects, normal noise, and one pair in ten disturbed."""
    blocks = []
    for _ in range(BLOCKS):
        centre = math.log(ratio) + draw.gauss(0, between)
        blocks.append(
            [
                centre + draw.gauss(0, within) + draw.choice([-1, 1]) * draw.uniform(0.3, 2) * (draw.random() < 0.1)
                for _ in range(PAIRS)
            ]
        )  # fmt: skip
    return blocks


def verdicts(ratio: float, runs: int = 400) -> list[str]:
    """Verdicts at 5% over many seeded simulations."""
    draw = random.Random(7)
    return [slowdown(noisy_blocks(draw, ratio)).verdict(0.05) for _ in range(runs)]


def test_identical_versions_hardly_ever_alarm() -> None:
    assert verdicts(1.0).count("slower") <= 1


def test_a_tenth_slower_is_caught() -> None:
    assert verdicts(1.10).count("slower") >= 0.95 * 400


def test_at_the_threshold_alarms_stay_near_the_nominal_rate() -> None:
    """The bound is one-sided at 95%: a slow-down of exactly the threshold alarms about once in twenty."""
    assert verdicts(1.05).count("slower") <= 0.09 * 400


def test_a_speed_up_is_reported() -> None:
    assert verdicts(1 / 1.15).count("faster") >= 0.95 * 400


def test_block_effects_widen_the_interval() -> None:
    """Pairs of the same two processes are not independent: treating them so would be far too sure."""
    quiet = slowdown(noisy_blocks(random.Random(1), 1.0, between=0.0))
    loud = slowdown(noisy_blocks(random.Random(1), 1.0, between=0.05))
    assert loud.high / loud.low > 2 * (quiet.high / quiet.low - 1) + 1


def test_blocks_that_agree_by_luck_do_not_make_it_sure() -> None:
    """Equal medians over wildly scattered pairs."""
    block = [-0.5, -0.3, 0.0, 0.3, 0.5]
    found = slowdown([block, block, block])
    assert found.ratio == pytest.approx(1.0)
    variance = math.pi / 2 * (1.4826 * 0.3) ** 2 / 5  # of a block's median, from its median absolute deviation
    reach = 2.919986 * math.sqrt(3 * variance) / 3
    assert (found.low, found.high) == pytest.approx((math.exp(-reach), math.exp(reach)))


def test_an_exact_case_by_hand() -> None:
    """Medians 0.00, 0.02, 0.04: mean 0.02, standard error 0.02/√3, t(0.95; 2) = 2.9200."""
    found = slowdown([[value] * 5 for value in (0.0, 0.02, 0.04)])
    reach = 2.919986 * 0.02 / math.sqrt(3)
    assert found.ratio == pytest.approx(math.exp(0.02))
    assert (found.low, found.high) == (pytest.approx(math.exp(0.02 - reach)), pytest.approx(math.exp(0.02 + reach)))
    assert found.block_ratios == pytest.approx([1.0, math.exp(0.02), math.exp(0.04)])
    assert found.pairs == 15


def test_swapping_the_versions_inverts_the_ratio() -> None:
    blocks = noisy_blocks(random.Random(3), 1.04)
    one, other = slowdown(blocks), slowdown([[-value for value in block] for block in blocks])
    assert other.ratio == pytest.approx(1 / one.ratio)
    assert other.low == pytest.approx(1 / one.high)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(1.06, 1.12, "slower"), (1.02, 1.08, "unresolved"), (0.98, 1.04, "within"), (0.80, 0.93, "faster"),
     (0.90, 0.97, "within"), (1.05, 1.12, "unresolved"), (0.98, 1.05, "within"), (0.80, 1 / 1.05, "within")],
)  # fmt: skip
def test_the_verdict_is_read_off_the_bounds(low: float, high: float, verdict: str) -> None:
    found = Slowdown(ratio=(low * high) ** 0.5, low=low, high=high, block_ratios=(), pairs=1)
    assert found.verdict(0.05) == verdict


def test_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="two blocks"):
        slowdown([[0.1, 0.2]])
    with pytest.raises(ValueError, match="at least one pair"):
        slowdown([[0.1], []])
    with pytest.raises(ValueError, match="clock"):
        log_ratio(0.0, 1.0)
