"""Text that stands for an image, a sound or a video, in a prompt or a plain text for models that see or hear.

Contract: a pure function of turns. A tag that the same text closes is markup, and so is any in an answer.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bench.data.formats.chat.turns import texts_of

STANDS_FOR = "a placeholder such as <image> is read as text: what it stands for is not there"
_PLACEHOLDER = re.compile(
    r"(?i:<\|?(?:start_of_)?(image|img|audio|video|speech)(?:_?(?:pad|here|token|soft_token|bos|[0-9]{1,3}))?\|?>)"
    r"|\[IMG\]"
)
_NAMED = re.compile(r"(?i:<img>[^<>]{1,500}</img>|\(data:(?:image|audio|video)/)")
"""The name of a file between tags (Qwen-VL), and a file inside the text."""


def has_placeholder(turns: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a prompt in a conversation has a placeholder, or a plain text."""
    asked = (turn for turn in turns if turn["role"] in ("system", "user", "text"))
    return any(_stands_alone(text) for turn in asked for text in texts_of(turn))


def _stands_alone(text: str) -> bool:
    if (
        "<" not in text and "[IMG]" not in text and "(data:" not in text
    ):  # most texts: patterns cost more than this look
        return False
    if _NAMED.search(text):
        return True
    found = [match[1] for match in _PLACEHOLDER.finditer(text)]
    return bool(found) and not any((f"</{name.lower()}" if name else "[/img]") in text.lower() for name in found)
