"""Arrays of numbers, typed. Apart from `bench.stats.curves.distributions`, which imports scipy."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
CountArray = NDArray[np.uint16]
BoolArray = NDArray[np.bool_]


def floats(value: ArrayLike) -> FloatArray:
    """Any numbers as an array of float64."""
    return np.asarray(value, dtype=np.float64)


def grouped_sums(labels: IntArray, weights: FloatArray, groups: int) -> FloatArray:
    """Sums of `weights` by label 0..groups-1: [groups]."""
    return floats(np.bincount(labels, weights=weights, minlength=groups))
