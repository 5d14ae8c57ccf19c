"""The widths of attentions that do not see the whole row, as configurations name them.

Contract: whatever counts columns of a row in a place of its own (a tree, a table, virtual tokens before padding) asks
here up to which length that is what the model would see.
"""

from collections.abc import Sequence
from typing import Any

IN_THE_MASK = ("sliding_window", "attention_chunk_size")
"""Names of widths that transformers puts into the mask: where another mask is given, the model has no window."""
IN_THE_LAYER = (
    "window_size", "attention_window_size", "sliding_window_size", "local_attention", "keep_window_size",
)  # fmt: skip
"""Names of widths that a layer may cut itself, whatever mask it is given."""
WINDOWS = (*IN_THE_MASK, *IN_THE_LAYER)


def narrowest_window(config: Any, names: Sequence[str] = WINDOWS) -> int | None:
    """The narrowest width that a model's configuration has under these names, in tokens; `None` where it has none."""
    text = config.get_text_config()
    widths = [width for name in names if isinstance(width := getattr(text, name, None), int)]
    return min(widths, default=None)
