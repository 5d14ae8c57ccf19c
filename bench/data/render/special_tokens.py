"""What spells a special token in a row stays text: it is marked before a template renders it, and tokenised as text.

Contract: `guarded` puts guards around all that spells a special token of the tokenizer; `pieces` of a guarded text say
where special tokens are meant (the template's own) and where they are not (the row's); `unguarded` takes guards away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.suite.template import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_GUARD = "\ue0f8\ue0f9"
"""Stands before and after what spells a special token in a row, until it is tokenised: of Unicode's private use."""


def spelling(tokenizer: PreTrainedTokenizerBase) -> re.Pattern[str] | None:
    """What spells a special token of the tokenizer, the longest first; `None` where it has none."""
    added = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    names = sorted({*added, *map(str, tokenizer.all_special_tokens)} - {""}, key=lambda name: (-len(name), name))
    return re.compile("|".join(map(re.escape, names))) if names else None


def guarded(message: Message, special: re.Pattern[str] | None) -> Message:
    """The message with guards around all that spells a special token, so that it is not taken for one."""
    if special is None:
        return message
    guards = rf"{_GUARD}\g<0>{_GUARD}"
    return {
        key: text if key == "role" else special.sub(guards, text.replace(_GUARD, "")) for key, text in message.items()
    }


def pieces(text: str) -> Iterator[tuple[int, str, bool]]:
    """Pieces of a guarded text: where each begins, and whether special tokens in it are meant."""
    at = 0
    for number, piece in enumerate(text.split(_GUARD)):
        if piece:
            yield at, piece, number % 2 == 0
        at += len(piece) + len(_GUARD)


def is_guarded(text: str) -> bool:
    """Whether something in the text spells a special token that is not meant."""
    return _GUARD in text


def unguarded(text: str) -> str:
    """The text without guards."""
    return text.replace(_GUARD, "")
