"""Reasoning in a field of its own beside a block of thinking in the answer's text: one of the two is learned.

Contract: `with_one_block` leaves one block where field and text say the same, and raises `RowError` where they differ:
nobody can say which of the two the model is to learn.
"""

from collections.abc import Sequence
from typing import Any

from bench.data.formats.fields import RowError, as_text
from bench.text import opens_with_thinking, split_thinking

_WORDS = """
on off true false yes no 0 1 enabled disabled enable disable none auto low medium high minimal think no_think
"""
_SWITCHES = frozenset(_WORDS.split())
"""Words that say whether or how much is thought."""


def joined(texts: Sequence[str], between: str = "\n") -> str:
    """Texts one after another, those that differ in white space alone once."""
    by_words = {" ".join(text.split()): text for text in texts}
    return between.join(by_words.values())


def as_thought(value: object, name: str) -> str:
    """The reasoning that a column or key holds. Raises `RowError` for a switch of it, which many data sets name so."""
    if isinstance(value, str | int) and str(value).strip().lower() in _SWITCHES:
        what = f"`{name}` is {value!r}: whether or how much is thought, no thought"
        hint = f'ignore = ["{name}"] does not read it; thinking under [model] is a switch for all rows'
        raise RowError("data.reasoning", what, hint)
    return as_text(value, f"`{name}`")


def with_one_block(turn: dict[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """The turn with its thoughts in `reasoning` alone, where its text has a block with the same words, too.

    `fields`: names of the columns or keys that gave the reasoning. Raises `RowError` where the two differ.
    """
    if not str(turn.get("reasoning") or "").strip():
        return turn
    parts = split_thinking(turn["content"])
    if parts.thinking is None or not (parts.finished or opens_with_thinking(turn["content"])):
        return turn  # without a block; a tag that the answer mentions is none
    if parts.thinking.split() != turn["reasoning"].split():
        names = ", ".join(f"`{name}`" for name in fields)
        what = f"the answer has a block of thinking in its text, and {names} gives another reasoning"
        ignored = ", ".join(f'"{name}"' for name in fields)
        hint = f"remove one of the two: with ignore = [{ignored}] the text's block alone is learned"
        raise RowError("data.two-reasonings", what, hint)
    return {**turn, "content": parts.answer} if parts.finished else turn  # cut off: the row is left out
