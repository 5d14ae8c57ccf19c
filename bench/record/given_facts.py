"""What was found out about weights that were trained elsewhere, before they were scored."""

from bench.record.results.training.applied import Applied, WeightsCheck
from bench.spec import Spec


class GivenFacts(Spec):
    """One training from elsewhere, held against the base."""

    parameters: int
    """Numbers in its files."""
    tensors: int
    named_base: str | None
    """Base that its configuration names."""
    notes: tuple[str, ...] = ()
    """What differs from the suite's base without making it unfit."""
    applied: Applied | None
    """What it changes of the base; `None`: there was not enough memory to measure it."""
    weights_check: WeightsCheck | None = None
    """Loss with an adapter in its layers, and merged as evals load it; `None` of a whole model."""
