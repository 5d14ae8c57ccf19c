"""Lowest and highest score of an eval, for margins and targets that no score could reach or miss. Pure."""

from __future__ import annotations

import math

from bench.suite.catalog.metrics import ENDED, REFERENCE, UNIT, Ends, scales_of
from bench.suite.tables.evals.eval_spec import EvalSpec


def eval_ends(spec: EvalSpec) -> Ends | None:
    """Ends of the scale that the suite alone tells, the widest where there are two; `None` where it is not known."""
    if spec.kind in ("judge", "choice"):
        return UNIT
    if spec.kind == "loss":
        return (0.0, math.inf)
    if spec.kind == "generation":
        first = REFERENCE.get(spec.metrics[0], ()) if spec.metrics else ()
        leading = spec.metric or (first[0].name if first else None if spec.metrics else ENDED)
    else:
        leading = spec.metric if spec.kind == "lm_eval" else None
    scales = () if leading is None else scales_of(leading)
    return scales[-1] if scales else None
