"""Thinking in texts and templates: the tags around it, blocks of it that are empty, and the switches that ask for it.

Contract: pure functions of strings. Tags are those that answers are parted by (`bench.text`), but letter by letter: a
template looks for its own spelling, to which `<Think>` is text, while an answer is read whatever its case.
"""

import re

from bench.text import NAMES_OF_THOUGHT, THINK_CLOSE, THINK_OPEN

TAG = re.compile(rf"{THINK_OPEN}|{THINK_CLOSE}")
"""One tag around thinking."""
_EMPTY = re.compile(rf"\s*(?:{THINK_OPEN}\s*)?{THINK_CLOSE}\s*")
_EMPTY_AT_END = re.compile(rf"{THINK_OPEN}\s*{THINK_CLOSE}\s*\Z")
_BLOCK = re.compile(rf"\s*{THINK_OPEN}(.*?){THINK_CLOSE}(.*)", re.DOTALL)
_OPENED = re.compile(rf"{THINK_OPEN}\s*(?:{THINK_CLOSE}\s*)?\Z")
_ANY_BLOCK = re.compile(
    rf"\s*(?P<tag>{THINK_OPEN}|<(?P<name>{NAMES_OF_THOUGHT})>|"
    rf"<\|begin_of_thought\|>)(?:.*?)(?:{THINK_CLOSE}|</(?P=name)>|<\|end_of_thought\|>)",
    re.DOTALL | re.IGNORECASE,
)


def thoughts_and_answer(text: str) -> tuple[str, str]:
    """What an answer thinks in a block at its beginning, and what it says behind it."""
    match = _BLOCK.match(text)
    return (match[1].strip(), match[2]) if match else ("", text)


def with_thoughts(text: str, thoughts: str) -> str:
    """An answer with other thoughts in the block at its beginning; unchanged without one."""
    match = _BLOCK.match(text)
    return f"{text[: match.start(1)]}{thoughts}{text[match.end(1) :]}" if match else text


def opening_tag(text: str) -> str | None:
    """The tag that opens a block at an answer's beginning, of those in use for thinking; `None` without one."""
    match = _ANY_BLOCK.match(text)
    return match["tag"] if match else None


def empty_block(text: str) -> int:
    """Length of an empty block of thinking at the beginning of a text, with the white space around it; 0 without."""
    match = _EMPTY.match(text)
    return match.end() if match else 0


def ends_with_block(text: str) -> bool:
    """Whether a text ends with an empty block of thinking and white space."""
    return _EMPTY_AT_END.search(text) is not None


def without_opening(text: str) -> str:
    """A prompt without the block of thinking that it opens at its end, be the block open or empty."""
    return _OPENED.sub("", text)


def opening_before(text: str, place: int) -> int:
    """Where the tag that opens a block begins, if only white space parts it from `place`; else `place`."""
    match = _OPENED.search(text, 0, place)
    return match.start() if match else place
