"""Scores of two sides over the same examples."""

import dataclasses
import math

import numpy as np
from hypothesis import strategies as st

from bench.stats.estimates.delta import Delta
from bench.stats.samples.sample import Scores

finite = st.floats(-100, 100, allow_nan=False).map(lambda value: round(value, 3))
few = st.lists(st.tuples(finite, finite), min_size=1, max_size=8)


def matrix(values: np.ndarray, **fields: object) -> Scores:
    rows = np.atleast_2d(np.asarray(values, dtype=float))
    weights = fields.pop("weights", np.ones(rows.shape[1]))
    return Scores(values=rows, present=np.ones(rows.shape, bool), weights=weights, **fields)  # type: ignore[arg-type]


def sound(delta: Delta) -> None:
    for field in dataclasses.fields(delta):
        value = getattr(delta, field.name)
        assert not (isinstance(value, float) and math.isnan(value)), field.name
    if delta.low is None:
        assert delta.reason
        assert delta.p_value is delta.mde is None
    else:
        assert delta.low <= delta.estimate <= delta.high
        assert delta.mde > 0
