"""Text in a row that looks like a special token stays text: marked before a template renders it, tokenised as text.

Contract: `guarded` puts guards around all text like a special token of the tokenizer; `pieces` of a guarded text say
where special tokens are meant (the template's own) and where they are not (the row's); `unguarded` takes guards away.
Tags of thinking (`<think>`) in an assistant's turn are meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from bench.data.render.thinking import TAG
from bench.suite.catalog.template import MessageFields

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_GUARD = "\ue0f8\ue0f9"
"""Mark before and after text like a special token, until it is tokenised; from Unicode's private use."""
OPEN, CLOSE = "\ue0f8\ue0fa", "\ue0f8\ue0fb"
"""Marks around an assistant's words while their place in a text is looked for."""
_MARKED = "\ue0f8"
"""What each mark begins with: to find that a text has none takes no pattern."""
_ALL_MARKS = re.compile(f"{_GUARD}|{OPEN}|{CLOSE}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """Texts of a tokenizer's special tokens, the longest first; `None` where there are none."""

    anywhere: re.Pattern[str] | None
    answers: re.Pattern[str] | None
    """In what the assistant says: not the tags around its thinking."""

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> Self:
        """The special tokens of `tokenizer`."""
        added = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
        names = sorted({*added, *map(str, tokenizer.all_special_tokens)} - {""}, key=lambda name: (-len(name), name))
        return cls(anywhere=_any_of(names), answers=_any_of([name for name in names if not TAG.fullmatch(name)]))


def _any_of(names: list[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(re.escape, names))) if names else None


def guarded(message: MessageFields, spelling: Spelling) -> MessageFields:
    """The message with guards around all text like a special token, so that it is not taken for one."""
    special = spelling.answers if message.get("role") == "assistant" else spelling.anywhere
    return {key: value if key == "role" else guarded_value(value, special) for key, value in message.items()}


def guarded_value(value: Any, special: re.Pattern[str] | None) -> Any:
    """A text, or all texts in lists and objects, with guards."""
    if isinstance(value, str):
        plain = unguarded(value)
        if special is None or special.search(plain) is None:
            return plain
        return special.sub(rf"{_GUARD}\g<0>{_GUARD}", plain)
    if isinstance(value, dict):
        return {key: guarded_value(item, special) for key, item in value.items()}
    return [guarded_value(item, special) for item in value] if isinstance(value, list | tuple) else value


def spelt_tokens(text: str) -> list[str]:
    """The special tokens that are written in a guarded text as its own words."""
    return list(dict.fromkeys(piece for piece, meant in pieces(text) if not meant))


def pieces(text: str) -> list[tuple[str, bool]]:
    """Pieces of a guarded text, and whether special tokens in each are meant."""
    return [(piece, number % 2 == 0) for number, piece in enumerate(text.split(_GUARD)) if piece]


def unguarded(text: str) -> str:
    """The text without guards and marks."""
    return _ALL_MARKS.sub("", text) if _MARKED in text else text


def unmarked(text: str) -> str:
    """The text without the marks around what assistants say; guards stay."""
    return text.replace(OPEN, "").replace(CLOSE, "")
