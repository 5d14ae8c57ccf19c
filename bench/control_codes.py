"""Text of models, data rows, files and libraries, made safe to print: control codes are shown, never obeyed.

Contract: `visible` leaves no control, bidirectional or line-breaking character, but for those that the caller keeps.
Everything that is printed, in a terminal, a log, Markdown or HTML, goes through it.
"""

import unicodedata

_NAMED = {"\n": "⏎", "\r": "␍", "\t": "␉", "\x1b": "␛", "\x00": "␀"}


def visible(text: str, *, keep: str = "") -> str:
    """The text with control and direction-changing characters as symbols or code points, such as `⏎` and `⟨U+202E⟩`.

    keep: characters that stay as they are, such as a line break where several lines are wanted.
    """
    if text.isprintable():
        return text
    return "".join(character if character in keep else _show(character) for character in text)


def _show(character: str) -> str:
    if character.isprintable():
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return _NAMED.get(character, f"⟨U+{ord(character):04X}⟩")
