"""The smallest detectable difference of two rates, whose noise depends on where they are.

On the logit scale the noise of seeds is the same everywhere (`bench.stats.curves.logit_curve`). So an arm far from a
reference near 0 or 1 has more room to vary than one beside it, and the noise that a run sees where nothing differs is
not that of a run in which something does.
"""

import numpy as np

from bench.stats.arrays import FloatArray
from bench.stats.curves.distributions import logit
from bench.stats.noise.variance import RatesNoise

_EDGE = 0.005
"""No arm is taken to be nearer to the end that it moves towards."""
_SIZES = 400
_PSEUDO = 2.0
"""Answers that the interval of a difference adds for what few unlike answers do not show (Bonett & Price 2012)."""


def detectable_rate(rates: RatesNoise, *, examples_alone: float, both: float) -> float:
    """The smallest difference that is found on whichever side of the reference the scale has room for it; the whole
    scale where none is.

    examples_alone, both: what is detectable with the noise where the arm is now, of the examples and with the seeds;
    the two add up as their squares.
    """
    sizes = rates.width * np.arange(1, _SIZES + 1) / _SIZES
    by_seeds = max(0.0, both**2 - examples_alone**2)
    needed = np.full(_SIZES, -np.inf)
    for far in (rates.reference.rate + sizes / rates.width, rates.reference.rate - sizes / rates.width):
        room = (far < 1.0 - _EDGE) if far[0] > rates.reference.rate else (far > _EDGE)
        examples, seeds = _growth(rates, np.where(room, far, 0.5 * rates.reference.rate), sizes)
        there = np.sqrt(examples_alone**2 * examples + by_seeds * seeds)
        needed = np.maximum(needed, np.where(room, there, -np.inf))
    found = np.flatnonzero((needed <= sizes) & np.isfinite(needed))
    return float(needed[found[0]]) if found.size else rates.width


def _growth(rates: RatesNoise, far: FloatArray, sizes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The variances of examples and of seeds with the arm at `far`, by those with the arm where it is."""
    arm, reference = rates.arm, rates.reference
    there, near = far * (1.0 - far), reference.slope
    total = np.hypot(arm.seed_error * there, reference.seed_error * near)
    pull = (arm.seed_error**2 * there + reference.seed_error**2 * near) / total
    hidden = sizes / rates.width * pull / np.abs(logit(far) - logit(reference.rate))
    now = np.hypot(arm.seed_error * arm.slope, reference.seed_error * near)
    unseen = _PSEUDO / rates.examples
    return (there + near + unseen) / (arm.slope + near + unseen), (hidden / now) ** 2
