"""Normal, Student, binomial, F and chi-square distributions, and what moments of logarithms need, typed.

The one place that touches scipy. All functions broadcast.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from bench.stats.arrays import FloatArray, floats


def normal_cdf(value: ArrayLike) -> FloatArray:
    """P(Z <= value)."""
    return floats(special.ndtr(floats(value)))


def normal_quantile(probability: ArrayLike) -> FloatArray:
    """The inverse of `normal_cdf`."""
    return floats(special.ndtri(floats(probability)))


def student_cdf(value: ArrayLike, degrees: ArrayLike) -> FloatArray:
    """P(T <= value) with `degrees` of freedom, which may be fractional or infinite."""
    return floats(special.stdtr(floats(degrees), floats(value)))


def student_density(value: ArrayLike, degrees: ArrayLike) -> FloatArray:
    """The derivative of `student_cdf`."""
    freedom = floats(degrees)
    constant = special.gammaln((freedom + 1) / 2) - special.gammaln(freedom / 2) - 0.5 * np.log(freedom * np.pi)
    return floats(np.exp(constant - (freedom + 1) / 2 * np.log1p(floats(value) ** 2 / freedom)))


def student_quantile(probability: ArrayLike, degrees: ArrayLike) -> FloatArray:
    """The inverse of `student_cdf`."""
    return floats(special.stdtrit(floats(degrees), floats(probability)))


def chi_square_quantile(probability: ArrayLike, degrees: ArrayLike) -> FloatArray:
    """The value that a chi-squared variable is below with `probability`."""
    return floats(2.0 * special.gammaincinv(floats(degrees) / 2.0, floats(probability)))


def f_tail(value: float, above: float, below: float) -> float:
    """P(F > value) of Fisher's F with `above` and `below` degrees of freedom."""
    return float(special.fdtrc(above, below, value))


def binomial_cdf(successes: ArrayLike, trials: ArrayLike) -> FloatArray:
    """P(X <= successes) of a fair coin thrown `trials` times; 0 below zero successes."""
    count, thrown = floats(successes), floats(trials)
    below = count < 0
    cdf = special.betainc(np.maximum(thrown - count, 1.0), np.where(below, 0.0, count) + 1.0, 0.5)
    return np.where(below, 0.0, np.where(count >= thrown, 1.0, floats(cdf)))


def f_survival(value: ArrayLike, numerator: ArrayLike, denominator: ArrayLike) -> FloatArray:
    """P(F > value) with the degrees of freedom of numerator and denominator."""
    return floats(special.fdtrc(floats(numerator), floats(denominator), floats(value)))


def logit(share: ArrayLike) -> FloatArray:
    """log(p / (1 - p)); infinite at 0 and 1."""
    return floats(special.logit(floats(share)))


def logistic(value: ArrayLike) -> FloatArray:
    """The inverse of `logit`."""
    return floats(special.expit(floats(value)))


def digamma(value: ArrayLike) -> FloatArray:
    """First derivative of the logarithm of the gamma function."""
    return floats(special.psi(floats(value)))


def trigamma(value: ArrayLike) -> FloatArray:
    """Second derivative of the logarithm of the gamma function."""
    return floats(special.polygamma(1, floats(value)))


def trigamma_inverse(value: float) -> float:
    """Where `trigamma` is `value` > 0, by Newton's method on its reciprocal (Smyth 2004, appendix)."""
    guess = 0.5 + 1.0 / value
    for _ in range(50):
        slope = float(trigamma(guess))
        step = slope * (1.0 - slope / value) / float(special.polygamma(2, guess))
        guess += step
        if -step / guess < 1e-10:
            break
    return guess
