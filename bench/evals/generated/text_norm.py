"""Texts as metrics see them: words, SQuAD's normal form, the number that an answer comes to, the script of letters.

Contract: pure functions of strings.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"-?[0-9][0-9,]*(?:\.[0-9]+)?|-?\.[0-9]+")
_MARK = "####"
_JAPANESE_OR_CHINESE = {"CJK", "HIRAGANA", "KATAKANA"}


def words(text: str) -> list[str]:
    """Runs of letters and digits of any script, in lower case; for English those that ROUGE counts."""
    return _WORD.findall(text.lower())


def squad_form(text: str) -> str:
    """SQuAD's normal form (Rajpurkar et al. 2016): lower case, no punctuation, no articles, single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def bag_f1(answer: Sequence[str], reference: Sequence[str]) -> float:
    """Harmonic mean of precision and recall over two bags of words; two empty ones are equal."""
    if not answer or not reference:
        return float(not answer and not reference)
    common = sum((Counter(answer) & Counter(reference)).values())
    return 2 * common / (len(answer) + len(reference))


def final_number(text: str) -> Decimal | None:
    """The first number after the last `####` (GSM8K's mark), else the last number; `None` where there is none.

    Thousands may be marked by commas; other signs, such as a currency's, do not matter.
    """
    marked = text.rpartition(_MARK)[2] if _MARK in text else None
    found = _NUMBER.findall(text if marked is None else marked)
    if not found:
        return None
    try:
        return Decimal(found[-1 if marked is None else 0].replace(",", ""))
    except InvalidOperation:
        return None


def dominant_script(text: str) -> str | None:
    """The script that most of a text's letters have, such as `LATIN`; `None` without letters. Ties go to the first."""
    counts = Counter(script(letter) for letter in text if letter.isalpha())
    return counts.most_common(1)[0][0] if counts else None


def script(letter: str) -> str:
    """The first word of a letter's Unicode name; Chinese characters and Japanese kana count as one script."""
    name = unicodedata.name(letter, "UNNAMED").split()[0].partition("-")[0]
    return "CJK" if name in _JAPANESE_OR_CHINESE else name
