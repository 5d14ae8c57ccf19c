"""Statistics of an interleaved comparison: two live workers, stepped in turn on the same batches.

Why in turn: on a shared machine the speed of everything drifts by far more than a regression is worth, and what drifts
slower than a pair of steps cancels in the pair's ratio. Why blocks: two processes that run the same code can differ
for as long as they live (where their memory is), so that pairs of one pair of processes are not independent; each
block is a fresh pair. Within a block the median of the log ratios shrugs off the steps that something else disturbed.

Contract: pure functions of the log ratios; no clock, no process.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.stats.curves.distributions import student_quantile

Verdict = Literal["slower", "faster", "within", "unresolved"]
"""`slower`: the interval is above the threshold. `faster`: it is below the threshold's inverse. `within`: it ends
below the threshold. `unresolved`: the threshold is inside the interval."""

CONFIDENCE = 0.95
"""Level of each bound by itself."""

_MAD_TO_DEVIATION = 1.4826
_MEDIAN_OVER_MEAN_VARIANCE = math.pi / 2
"""Variance of a median over that of a mean, for normal values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slowdown:
    """Seconds of ours over seconds of theirs for the same work; above 1 is slower. Bounds are one-sided."""

    ratio: float
    low: float
    high: float
    block_ratios: tuple[float, ...]
    """Ratio of each fresh pair of processes."""
    pairs: int

    def verdict(self, threshold: float) -> Verdict:
        """`threshold`: the slow-down that is not accepted, as a share: 0.05 is 5%."""
        if self.low > 1 + threshold:
            return "slower"
        if self.high < 1 / (1 + threshold):
            return "faster"
        return "within" if self.high <= 1 + threshold else "unresolved"


def log_ratio(ours: float, theirs: float) -> float:
    """Log of the ratio of two times. Raises `ValueError` unless both are positive."""
    if ours <= 0 or theirs <= 0:
        raise ValueError("a step took no time: the clock is too coarse for it")
    return math.log(ours / theirs)


def slowdown(blocks: Sequence[Sequence[float]]) -> Slowdown:
    """The ratio from the log ratios of each block's pairs, with Student's t over blocks.

    Few blocks can agree by luck, so the standard error is the larger of two: of the block medians among each other,
    and what the scatter within the blocks alone would give. Raises `ValueError` below 2 blocks or an empty block.
    """
    if len(blocks) < 2 or not all(blocks):
        raise ValueError("at least two blocks, each with at least one pair")
    medians = [statistics.median(block) for block in blocks]
    centre = statistics.fmean(medians)
    between = statistics.stdev(medians) / math.sqrt(len(medians))
    within = math.sqrt(sum(_median_variance(block) for block in blocks)) / len(blocks)
    reach = float(student_quantile(CONFIDENCE, len(blocks) - 1)) * max(between, within)
    return Slowdown(
        ratio=math.exp(centre),
        low=math.exp(centre - reach),
        high=math.exp(centre + reach),
        block_ratios=tuple(math.exp(median) for median in medians),
        pairs=sum(len(block) for block in blocks),
    )


def _median_variance(block: Sequence[float]) -> float:
    """Variance of a block's median, from the median absolute deviation: one disturbed pair does not move it."""
    centre = statistics.median(block)
    deviation = _MAD_TO_DEVIATION * statistics.median(abs(value - centre) for value in block)
    return _MEDIAN_OVER_MEAN_VARIANCE * deviation**2 / len(block)
