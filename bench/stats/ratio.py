"""Ratios of costs (seconds, memory, or quality per cost), from one positive figure per seed replicate.

Contract: analysed as logarithms, so that arm/reference and reference/arm tell the same story. No interval from a single
replicate: its noise is unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bench.stats.curve import Curve, StudentCurve, interval, two_sided_p
from bench.stats.distributions import FloatArray
from bench.stats.power import detectable_effect
from bench.stats.variance import Components


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
    if left.size == 0 or right.size == 0:
        return _ratio(None, None, left, right, missing, level, "none", "a side has no figure")
    estimate = float(left.mean() - right.mean())
    if counted and np.ptp(left) == np.ptp(right) == 0:
        return _exact(estimate, left, right, missing, level)
    if paired:
        error, degrees = _paired_error(left - right)
        method = "Student's t on log ratios of paired measurements"
    else:
        error, degrees = _welch_error(left, right)
        method = "Welch's t on logarithms over seeds"
    if error is None:
        return _ratio(estimate, None, left, right, missing, level, "none", "too few replicates for an interval")
    if error <= 1e-12:
        return _ratio(estimate, None, left, right, missing, level, "none", "the replicates do not vary")
    curve = StudentCurve(centre=estimate, standard_error=error, degrees=degrees)
    return _ratio(estimate, curve, left, right, missing, level, method, None)


def _exact(estimate: float, left: FloatArray, right: FloatArray, missing: int, level: float) -> Ratio:
    found = _ratio(estimate, None, left, right, missing, level, "exact counts", None)
    return replace(found, low=found.ratio, high=found.ratio, exact=True)


def _logs(
    arm: Sequence[float | None], reference: Sequence[float | None], paired: bool
) -> tuple[FloatArray, FloatArray]:
    if paired:
        both = [(a, b) for a, b in zip(arm, reference, strict=True) if a is not None and b is not None]
        pairs = np.log(np.array(both, dtype=np.float64).reshape(-1, 2))
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
    estimate: float | None,
    curve: StudentCurve | None,
    left: FloatArray,
    right: FloatArray,
    missing: int,
    level: float,
    method: str,
    reason: str | None,
) -> Ratio:
    low, high = (None, None) if curve is None else interval(curve, level)
    mde = None if curve is None else detectable_effect(curve.standard_error, curve.degrees, level=level)
    seeds = min(left.size, right.size)
    return Ratio(
        ratio=None if estimate is None else float(np.exp(estimate)),
        low=None if low is None else float(np.exp(low)),
        high=None if high is None else float(np.exp(high)),
        level=level,
        p_value=None if curve is None else two_sided_p(curve, 0.0),
        mde=None if mde is None else float(np.exp(mde)),
        method=method,
        reason=reason,
        arm_seeds=int(left.size),
        reference_seeds=int(right.size),
        n_missing=missing,
        log_variance=None if curve is None else curve.standard_error**2 * seeds,
        curve=curve,
        degrees=None if curve is None else curve.degrees,
    )
