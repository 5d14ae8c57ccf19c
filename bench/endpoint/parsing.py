"""Reads what a model was asked to write in a form: JSON, lists, a score. Tolerant of what models do, never guessing.

Contract: JSON may be in a fence or between prose, have trailing commas, comments, raw line breaks or typographic
quotes around it, or be cut off; of a cut list the whole items count. What still cannot be read is `None` (or no items):
the caller counts it.
"""

import json
import math
import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from bench.text import without_thoughts

_FENCE = re.compile(r"```[ \t]*[\w+-]*[ \t]*\r?\n?(.*?)(?:```|\Z)", re.DOTALL)
_OPENING = re.compile(r"""\{(?=\s*["}/])|\[(?=\s*[\[{"\]\d/-])""")
"""A bracket that may begin a JSON value; in prose one is followed by a word."""
_STRING_OR_REST = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/|,(?=\s*(?:[\]}]|\Z))', re.DOTALL)
_NUMBERED = re.compile(r"^[ \t]*(?:\*\*)?(?:(\d{1,4})[.):]|[-*•])(?:\*\*)?[ \t]+", re.MULTILINE)
_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_SCORES = (
    re.compile(rf"\[\[\s*({_NUMBER})\s*\]\]"),
    re.compile(
        rf"(?:score|rating|grade)\b[^\d\n+-]{{0,24}}?\**\s*({_NUMBER})(?:\s*(?:/|out of)\s*({_NUMBER}))?", re.IGNORECASE
    ),
    re.compile(rf"^\W*({_NUMBER})(?:\s*(?:/|out of)\s*({_NUMBER}))?\W*$", re.MULTILINE),
)
_decoder = json.JSONDecoder(strict=False)


def read_json(text: str) -> Any | None:
    """The first JSON object or list in `text`; `None` where there is none."""
    for part in _candidates(without_thoughts(text)):
        for start in _OPENING.finditer(part):
            value = _decode(part[start.start() :])
            if value is not None:
                return value
            break  # a broken outer value: its inner ones are not what was asked for
    return None


def read_items(text: str) -> list[Any]:
    """Items of a JSON list (alone, or the only list in an object), of JSON Lines, or of a numbered or bulleted list.

    Of a list that was cut off the whole items. Items of numbered lists are texts.
    """
    text = without_thoughts(text)
    parsed = read_json(text)
    if isinstance(parsed, dict):
        lists = [value for value in parsed.values() if isinstance(value, list)]
        if len(lists) == 1:
            return list(lists[0])
        return _json_lines(text) or [parsed]
    if isinstance(parsed, list):
        return parsed
    for part in _candidates(text):
        bracket = part.find("[")
        if bracket >= 0 and (items := _whole_items(part[bracket + 1 :])):
            return items
    return list(numbered(text))


def numbered(text: str) -> Iterator[str]:
    """Items of a list such as `1. …`, `2) …` or `- …`, each with its further lines."""
    marks = list(_NUMBERED.finditer(text))
    if any(mark[1] for mark in marks):
        marks = [mark for mark in marks if mark[1]]  # bullets inside numbered items are part of them
    for mark, after in zip_longest(marks, marks[1:]):
        item = text[mark.end() : after.start() if after else len(text)].strip()
        if item:
            yield item


def read_score(text: str, *, low: float, high: float) -> float | None:
    """A score on a scale: `{"score": 7}`, `[[7]]`, `Score: 7/10` or the number alone. `None` where there is none, two
    that differ, or one that is not on the scale."""
    text = without_thoughts(text)
    parsed = read_json(text)
    if isinstance(parsed, dict):
        for name in ("score", "rating", "grade"):
            if name in parsed:
                return _on_scale(parsed[name], low, high)
    for pattern in _SCORES:
        matches = [match for match in pattern.finditer(text) if not _other_scale(match, high)]
        values = {float(match[1]) for match in matches}
        if values:
            return _on_scale(values.pop(), low, high) if len(values) == 1 else None
    return None


def _other_scale(match: re.Match[str], high: float) -> bool:
    """`7/100` where the scale ends at 10."""
    return match.re.groups > 1 and match[2] is not None and float(match[2]) != high


def _on_scale(value: object, low: float, high: float) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]  # caught
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and low <= number <= high else None


def _candidates(text: str) -> Iterator[str]:
    """The text in fences, then the whole text."""
    yield from (match[1] for match in _FENCE.finditer(text))
    yield text


def _decode(text: str) -> Any | None:
    """The JSON value that `text` begins with, repaired where that is safe."""
    for attempt in (text, _repaired(text)):
        try:
            return _decoder.raw_decode(attempt)[0]
        except (ValueError, RecursionError):
            continue
    return None


def _repaired(text: str) -> str:
    """The text without comments and trailing commas; strings are left alone."""
    return _STRING_OR_REST.sub(lambda match: match[0] if match[0].startswith('"') else "", text)


def _whole_items(text: str) -> list[Any]:
    """Objects and texts from behind a bracket, up to the first that is not whole."""
    items: list[Any] = []
    text, position = _repaired(text), 0
    while True:
        while position < len(text) and text[position] in " \t\r\n,":
            position += 1
        if text[position : position + 1] not in ("{", '"', "["):
            return items
        try:
            item, position = _decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return items
        items.append(item)


def _json_lines(text: str) -> list[Any]:
    """Several objects one after the other; empty where there is only one."""
    items: list[Any] = []
    for part in _candidates(text):
        items = _whole_items(part[part.find("{") :])
        if len(items) > 1:
            return items
    return []
