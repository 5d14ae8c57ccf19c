"""Rows of an arm as a training sees them, measured without training."""

from bench.record.results.training.seen_row import Segment
from bench.spec import Spec


class ShownRow(Spec):
    """One row as the model sees it."""

    origin: str
    """`file:row`."""
    tokens: int
    supervised_tokens: int
    cut_off: int
    """Tokens beyond `max_length`, which the model does not see."""
    kept: bool = False
    """Whether the row is trained on even where nothing of it is supervised."""
    segments: tuple[Segment, ...]


class Bin(Spec):
    """Rows of some lengths in tokens before the cut, both ends included."""

    from_tokens: int
    to_tokens: int
    rows: int


class Preview(Spec):
    """Some rows in full, and figures on all measured ones: tokens after the cut at `max_length`, lengths before it."""

    template: str
    template_note: str | None
    measured: int
    """Rows that were rendered: all of them, or as many as are rendered in a few seconds, evenly spaced."""
    tokens: int
    supervised_tokens: int
    truncated: int
    """Measured rows cut at `max_length`."""
    tokens_cut_off: int
    nothing_supervised: int
    """Measured rows with nothing to learn; a training drops them."""
    refused: int = 0
    """Measured rows that the template cannot print; a training leaves them out."""
    refused_first: str | None = None
    """Place of the first of them, and what is wrong with it."""
    duplicates: int
    """Selected rows that repeat an earlier one but for letter case and white space."""
    median: int
    longest: int
    """Tokens of the median and of the longest row."""
    histogram: tuple[Bin, ...]
    examples: tuple[ShownRow, ...]
