"""Foreign text made harmless: whatever a model, a data row or a suite says is shown, never obeyed.

Contract: `visible` leaves no control, bidirectional or line-breaking character; every renderer passes text through it.
`markdown` adds what GitHub-flavoured Markdown needs, so that the text cannot open a cell, a link, a tag or a heading.
"""

from __future__ import annotations

import re
import unicodedata

_NAMED = {"\n": "⏎", "\r": "␍", "\t": "␉", "\x1b": "␛", "\x00": "␀"}
_MARKDOWN = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        **{mark: "\\" + mark for mark in "\\`*|~$"},
    }
)
_OUTER_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_BRACKET = re.compile(r"^\[|\[(?=\^)|\](?=[(\[:])")
_LINE_START = re.compile(r"^(?:#{1,6}(?=\s|$)|[+-](?=\s|$)|[-=]+$|\d+[.)](?=\s|$))")
_LINK = re.compile(r"://|\bwww\.", re.IGNORECASE)


def visible(text: str) -> str:
    """The text on one line, with control and direction-changing characters shown as symbols or code points."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_show(character) for character in text)


def markdown(text: str) -> str:
    """The text as inline GitHub-flavoured Markdown that renders as itself, in a paragraph or in a table's cell."""
    quoted = visible(text).translate(_MARKDOWN)
    quoted = _OUTER_UNDERSCORE.sub(r"\\_", quoted)
    quoted = _LINK.sub(lambda match: match[0].replace(":", "&#58;").replace(".", "&#46;"), quoted)
    quoted = _BRACKET.sub(r"\\\g<0>", quoted.strip())
    return _LINE_START.sub(lambda match: f"{match[0][:-1]}\\{match[0][-1]}", quoted)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters; what was cut is marked by an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _show(character: str) -> str:
    if character.isprintable():
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return _NAMED.get(character, f"⟨U+{ord(character):04X}⟩")
