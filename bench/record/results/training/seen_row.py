"""One row of a training as the model saw it."""

from bench.spec import Spec


class Segment(Spec):
    """A run of tokens of one row, as text."""

    text: str
    supervised: bool


class SeenRow(Spec):
    """A row of the first batches, after template, cut and packing."""

    origin: str
    """`file:row` of the row that begins in it; `…` for a row's continuation."""
    tokens: int
    supervised_tokens: int
    segments: tuple[Segment, ...]
    """Text of its first tokens, in runs that are supervised or masked."""
