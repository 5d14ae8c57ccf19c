"""Whether two versions that are stepped in turn learn the same: a version that skips work is faster, and no gain.

After the reference convergence points of MLPerf Training (Mattson et al. 2020, "MLPerf Training Benchmark"): a
submission that converges unlike the reference over several seeds is no valid result. Here both versions take the same
batches with the same seeds, so that their losses are compared seed by seed, and the noise of seeds does not widen the
band.

Contract: pure. `different` and `same`: the whole 95% interval over seeds is outside, or inside, the band; else
`unresolved`.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bench.gate.answer import GateAnswer
from bench.gate.speed.stepping import SteppedBlock
from bench.stats.curves.distributions import student_quantile

LearningVerdict: TypeAlias = Literal["same", "different", "unresolved"]
Quantity: TypeAlias = Literal["loss", "first gradient"]
TOLERANCE = 0.02
"""Share by which a loss or a gradient's norm may change: rounding in bf16 stays below it, in fp32 far below."""
LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCheck:
    """One quantity of both versions, over the seeds.

    loss: the mean over the second half of the steps, in nats per supervised token; the band is a share of the other
    version's. first gradient: the logarithm of its norm; the band is the same share.
    """

    quantity: Quantity
    ours: float
    """Mean over the seeds; of the gradient's norm the geometric mean."""
    theirs: float
    difference: float
    """Ours minus theirs, paired by seed; of the gradient, of logarithms."""
    low: float
    high: float
    band: float
    seeds: int

    @property
    def verdict(self) -> LearningVerdict:
        """Interval against band."""
        if -self.band <= self.low and self.high <= self.band:
            return "same"
        return "different" if self.low > self.band or self.high < -self.band else "unresolved"


def learning_checks(blocks: Sequence[SteppedBlock]) -> tuple[LearningCheck, ...]:
    """Loss and first gradient; without what a side does not report. The first gradient is compared on equal batches
    alone."""
    losses = [pair for block in blocks if (pair := _late_losses(block)) is not None]
    gradients = [pair for block in blocks if (pair := _first_gradients(block)) is not None]
    checks = []
    if len(losses) == len(blocks):
        checks.append(_loss_check(losses))
    if len(gradients) == len(blocks):
        checks.append(_gradient_check(gradients))
    return tuple(checks)


def learning_answer(checks: Sequence[LearningCheck]) -> GateAnswer:
    """`go` needs the loss of every seed; a check that is absent excludes nothing."""
    verdicts = {check.verdict for check in checks}
    if "different" in verdicts:
        return "no-go"
    measured = any(check.quantity == "loss" for check in checks)
    return "go" if measured and verdicts == {"same"} else "inconclusive"


def _late_losses(block: SteppedBlock) -> tuple[float, float] | None:
    """Mean loss of the second half of the steps, ours and theirs."""
    half = len(block.ours) // 2
    means = []
    for steps in (block.ours[half:], block.theirs[half:]):
        losses = [step.loss for step in steps if step.loss is not None]
        if not losses or len(losses) < len(steps):
            return None
        means.append(statistics.fmean(losses))
    return means[0], means[1]


def _first_gradients(block: SteppedBlock) -> tuple[float, float] | None:
    same_batches = all(a.tokens == b.tokens for a, b in zip(block.ours, block.theirs, strict=True))
    ours, theirs = block.first_gradients
    if not same_batches or not ours or not theirs:
        return None
    return math.log(ours), math.log(theirs)


def _loss_check(losses: Sequence[tuple[float, float]]) -> LearningCheck:
    ours, theirs = (statistics.fmean(side) for side in zip(*losses, strict=True))
    return _check("loss", losses, (ours, theirs), TOLERANCE * abs(theirs))


def _gradient_check(gradients: Sequence[tuple[float, float]]) -> LearningCheck:
    ours, theirs = (math.exp(statistics.fmean(side)) for side in zip(*gradients, strict=True))
    return _check("first gradient", gradients, (ours, theirs), math.log1p(TOLERANCE))


def _check(
    quantity: Quantity, pairs: Sequence[tuple[float, float]], means: tuple[float, float], band: float
) -> LearningCheck:
    differences = [mine - other for mine, other in pairs]
    centre, reach = statistics.fmean(differences), _half_width(differences)
    return LearningCheck(
        quantity=quantity,
        ours=means[0],
        theirs=means[1],
        difference=centre,
        low=centre - reach,
        high=centre + reach,
        band=band,
        seeds=len(pairs),
    )


def _half_width(values: Sequence[float]) -> float:
    """Half of Student's interval of the mean of at least two values."""
    error = statistics.stdev(values) / math.sqrt(len(values))
    return float(student_quantile((1 + LEVEL) / 2, len(values) - 1)) * error
