"""Text of models, data rows and suites as Markdown that renders as the text itself, and cut to a length.

Contract: `markdown` opens no cell, link, tag or heading of GitHub-flavoured Markdown.
"""

import re
from functools import lru_cache

from bench.control_codes import visible

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


@lru_cache(maxsize=1 << 14)
def markdown(text: str) -> str:
    """The text as inline GitHub-flavoured Markdown that renders as itself, in a paragraph or in a table's cell.

    Results are kept, for many cells say the same."""
    quoted = visible(text).translate(_MARKDOWN)
    quoted = _OUTER_UNDERSCORE.sub(r"\\_", quoted)
    quoted = _LINK.sub(lambda match: match[0].replace(":", "&#58;").replace(".", "&#46;"), quoted)
    quoted = _BRACKET.sub(r"\\\g<0>", quoted.strip())
    return _LINE_START.sub(lambda match: f"{match[0][:-1]}\\{match[0][-1]}", quoted)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters; what was cut is marked by an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
