"""Lowest and highest score of an eval, for margins and targets that no score could reach or miss. Pure."""

from bench.suite.catalog.metrics import ENDED, REFERENCE, Ends, scales_of
from bench.suite.tables.evals.eval_spec import EvalSpec


def eval_ends(spec: EvalSpec) -> Ends | None:
    """Ends of the scale that the suite alone tells, the widest where there are two; `None` where it is not known."""
    if spec.scale is not None:
        return spec.scale
    if spec.kind == "generation":
        first = REFERENCE.get(spec.metrics[0], ()) if spec.metrics else ()
        leading = spec.metric or (first[0].name if first else None if spec.metrics else ENDED)
    else:
        leading = getattr(spec, "metric", None)
    scales = () if leading is None else scales_of(leading)
    return scales[-1] if scales else None
