"""What was found out about weights that were trained elsewhere, before they were scored."""

from __future__ import annotations

from bench.spec import Spec


class GivenFacts(Spec):
    """One training from elsewhere, held against the base."""

    parameters: int
    """Numbers in its files."""
    tensors: int
    changed_tensors: int
    """Tensors of a whole model that differ from the base's; of an adapter, those of its updates that are not zero."""
    update_norm: float | None
    """Frobenius norm of what it adds to the base's weights; `None` of adapters that add no matrix."""
    named_base: str | None
    """Base that its configuration names."""
    notes: tuple[str, ...] = ()
    """What differs from the suite's base without making it unfit."""
