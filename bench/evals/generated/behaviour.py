"""What an answer shows without a reference: whether it ends, is empty, repeats itself, has its form, keeps its script.

Contract: pure. Measures are those of `bench.suite.catalog.metrics.BEHAVIOUR`; `None` where a measure says nothing of
an answer.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence

from bench.evals.generated.format_check import Form

_JAPANESE_OR_CHINESE = {"CJK", "HIRAGANA", "KATAKANA"}

_REPEATED = 4
"""Tokens of an n-gram."""


def behaviour(
    question: str, text: str, ids: Sequence[int] | None, *, ended: bool, form: Form | None
) -> dict[str, float | None]:
    """Values by measure. question: the user's text without the template. text: the answer. ids: its tokens without the
    one that ended it; `None` where a server gave the text."""
    measures: dict[str, float | None] = {
        "ended": float(ended),
        "empty": float(not text.strip()),
        "repetition": None if ids is None else repetition(ids),
        "drift": drift(question, text),
        "length": None if ids is None else float(len(ids)),
    }
    if form is None:
        return measures
    holds = form.holds(text)
    return {**measures, "format": None if holds is None else float(holds)}


def repetition(ids: Sequence[int]) -> float:
    """1 - distinct / all 4-grams of tokens: seq-rep-4 of Welleck et al. (2020). 0 for fewer than four tokens."""
    grams = [tuple(ids[start : start + _REPEATED]) for start in range(len(ids) - _REPEATED + 1)]
    return 1.0 - len(set(grams)) / len(grams) if grams else 0.0


def drift(question: str, text: str) -> float | None:
    """Share of the answer's letters outside the script of most of the prompt's; `None` where either has no letter."""
    expected = dominant_script(question)
    letters = [letter for letter in text if letter.isalpha()]
    if expected is None or not letters:
        return None
    return sum(script(letter) != expected for letter in letters) / len(letters)


def dominant_script(text: str) -> str | None:
    """The script that most of a text's letters have, such as `LATIN`; `None` without letters. Ties go to the first."""
    counts = Counter(script(letter) for letter in text if letter.isalpha())
    return counts.most_common(1)[0][0] if counts else None


def script(letter: str) -> str:
    """The first word of a letter's Unicode name; Chinese characters and Japanese kana count as one script."""
    name = unicodedata.name(letter, "UNNAMED").split()[0].partition("-")[0]
    return "CJK" if name in _JAPANESE_OR_CHINESE else name
