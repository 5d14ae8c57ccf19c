"""Ratios of costs (seconds, memory, or quality per cost), from one positive figure per seed replicate.

Contract: analysed as logarithms, so that arm/reference and reference/arm tell the same story. No interval from a single
replicate: its noise is unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bench.stats.arrays import FloatArray
from bench.stats.curves.curve import Curve, StudentCurve, interval, two_sided_p
from bench.stats.estimates.missing import MissingBounds
from bench.stats.estimates.power import detectable_effect
from bench.stats.noise.variance import Components


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """arm / reference, of geometric means.

    low, high, p_value (two-sided, of ratio 1) and mde (the smallest ratio above 1 that 80% power would have found) are
    `None` where no interval can be given. log_variance: of the log ratio of one replicate of each side.
    curve: of the natural logarithm of the ratio. exact: nothing about it is random, so low = high = ratio. components:
    of the log ratio, where examples are a source of its noise; n_examples: how many there were. degrees: of freedom,
    where seeds are the only source.
    """

    ratio: float | None
    low: float | None
    high: float | None
    level: float
    p_value: float | None
    mde: float | None
    method: str
    reason: str | None
    arm_seeds: int
    reference_seeds: int
    n_missing: int
    log_variance: float | None
    curve: Curve | None = field(compare=False, repr=False)
    exact: bool = False
    components: Components | None = None
    n_examples: int = 0
    degrees: float | None = None
    bounds: MissingBounds | None = None
    """What missing scores leave open of the logarithm of the ratio."""
    extremes: "tuple[Ratio, Ratio] | None" = field(default=None, compare=False, repr=False)
    """With the arm's missing scores as low and the reference's as high as they can be, and the reverse."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Logarithms:
    """Logarithms of the figures of both sides. missing: figures that are not known. level: of the interval."""

    arm: FloatArray
    reference: FloatArray
    missing: int
    level: float


def cost_ratio(
    arm: Sequence[float | None],
    reference: Sequence[float | None],
    *,
    paired: bool = False,
    counted: bool = False,
    level: float = 0.95,
) -> Ratio:
    """Welch's t on the logarithms, or Student's t on their differences where `paired` (interleaved measurements).

    counted: the figures are counts (tokens, FLOPs), not measurements: where they are the same for every seed of a side,
    their ratio is exact. Raises ValueError for a figure that is not positive, and for paired sides of unequal length.
    """
    if paired and len(arm) != len(reference):
        raise ValueError("paired costs need as many figures on each side")
    figures = [value for value in (*arm, *reference) if value is not None]
    if any(not (np.isfinite(value) and value > 0) for value in figures):
        raise ValueError("a cost must be positive and finite")
    left, right = _logs(arm, reference, paired)
    missing = len(arm) + len(reference) - left.size - right.size
    sides = _Logarithms(arm=left, reference=right, missing=missing, level=level)
    if left.size == 0 or right.size == 0:
        return _ratio(sides, None, reason="a side has no figure")
    estimate = float(left.mean() - right.mean())
    if counted and np.ptp(left) == np.ptp(right) == 0:
        exact = _ratio(sides, estimate, method="exact counts")
        return replace(exact, low=exact.ratio, high=exact.ratio, exact=True)
    if paired:
        error, degrees = _paired_error(left - right)
        method = "Student's t on log ratios of paired measurements"
    else:
        error, degrees = _welch_error(left, right)
        method = "Welch's t on logarithms over seeds"
    if error is None:
        return _ratio(sides, estimate, reason="too few replicates for an interval")
    if error <= 1e-12:
        return _ratio(sides, estimate, reason="the replicates do not vary")
    curve = StudentCurve(centre=estimate, standard_error=error, degrees=degrees)
    return _ratio(sides, estimate, curve, method=method)


def _logs(
    arm: Sequence[float | None], reference: Sequence[float | None], paired: bool
) -> tuple[FloatArray, FloatArray]:
    if paired:
        shared_pairs = [(a, b) for a, b in zip(arm, reference, strict=True) if a is not None and b is not None]
        pairs = np.log(np.array(shared_pairs, dtype=np.float64).reshape(-1, 2))
        return pairs[:, 0], pairs[:, 1]
    left = np.log(np.array([value for value in arm if value is not None], dtype=np.float64))
    return left, np.log(np.array([value for value in reference if value is not None], dtype=np.float64))


def _paired_error(differences: FloatArray) -> tuple[float | None, float]:
    if differences.size < 2:
        return None, 0.0
    return float(differences.std(ddof=1) / differences.size**0.5), float(differences.size - 1)


def _welch_error(left: FloatArray, right: FloatArray) -> tuple[float | None, float]:
    """Welch 1947. `None` where a side has one replicate."""
    if min(left.size, right.size) < 2:
        return None, 0.0
    parts = np.array([left.var(ddof=1) / left.size, right.var(ddof=1) / right.size])
    freedom = np.array([left.size - 1, right.size - 1])
    if parts.sum() == 0:
        return 0.0, float(freedom.sum())
    return float(parts.sum() ** 0.5), float(parts.sum() ** 2 / (parts**2 / freedom).sum())


def _ratio(
    sides: _Logarithms,
    estimate: float | None,
    curve: StudentCurve | None = None,
    *,
    method: str = "none",
    reason: str | None = None,
) -> Ratio:
    low, high = (None, None) if curve is None else interval(curve, sides.level)
    seeds = min(sides.arm.size, sides.reference.size)
    return Ratio(
        ratio=None if estimate is None else float(np.exp(estimate)),
        low=None if low is None else float(np.exp(low)),
        high=None if high is None else float(np.exp(high)),
        level=sides.level,
        p_value=None if curve is None else two_sided_p(curve, 0.0),
        mde=None if curve is None else float(np.exp(_detectable(curve, seeds, sides.level))),
        method=method,
        reason=reason,
        arm_seeds=int(sides.arm.size),
        reference_seeds=int(sides.reference.size),
        n_missing=sides.missing,
        log_variance=None if curve is None else curve.standard_error**2 * seeds,
        curve=curve,
        degrees=None if curve is None else curve.degrees,
    )


def _detectable(curve: StudentCurve, seeds: int, level: float) -> float:
    """In logarithms. All noise of a cost is that of its trainings."""
    return detectable_effect(
        0.0, np.inf, seed_error=curve.standard_error, seed_degrees=curve.degrees, seeds=seeds, level=level
    )
