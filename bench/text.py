"""Texts as scores see them: words, word overlap, final numbers, exact matches, JSON, the answer behind its thinking.

Contract: pure functions of strings, torch-free. An eval and a choice between samples (best of K) judge an answer by the
functions of this module, so that both follow one rule.
"""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import NoReturn

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"-?[0-9][0-9,]*(?:\.[0-9]+)?|-?\.[0-9]+")
_MARK = "####"
_THOUGHTS = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)


def words(text: str) -> list[str]:
    """Runs of letters and digits of any script, in lower case; in English the words that ROUGE counts."""
    return _WORD.findall(text.lower())


def squad_form(text: str) -> str:
    """SQuAD's normal form (Rajpurkar et al. 2016): lower case, no punctuation, no articles, single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def bag_f1(answer: Sequence[str], reference: Sequence[str]) -> float:
    """Harmonic mean of precision and recall over two bags of words; two empty bags are equal."""
    if not answer or not reference:
        return float(not answer and not reference)
    common = sum((Counter(answer) & Counter(reference)).values())
    return 2 * common / (len(answer) + len(reference))


def token_f1(answer: str, references: Iterable[str]) -> float | None:
    """F1 over words, the best of the references, from 0 to 1; `None` where no reference holds a word."""
    usable = [bag for reference in references if (bag := words(reference))]
    return max(bag_f1(words(answer), bag) for bag in usable) if usable else None


def rouge_l(answer: str, references: Iterable[str]) -> float | None:
    """ROUGE-L (Lin 2004) with equal weights: the best of the references, `None` where none holds a word."""
    usable = [sequence for reference in references if (sequence := words(reference))]
    return max(subsequence_f1(words(answer), sequence) for sequence in usable) if usable else None


def subsequence_f1(left: Sequence[str], right: Sequence[str]) -> float:
    """F1 of the longest common subsequence, from 0 to 1; 0 where either is empty."""
    if not left or not right:
        return 0.0
    return 2 * common_subsequence(left, right) / (len(left) + len(right))


def common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest common subsequence, with bit vectors (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for position, word in enumerate(left):
        places[word] = places.get(word, 0) | 1 << position
    everything = (1 << len(left)) - 1
    unmatched = everything
    for word in right:
        matched = unmatched & places.get(word, 0)
        unmatched = (unmatched + matched | unmatched - matched) & everything
    return len(left) - unmatched.bit_count()


def final_number(text: str) -> Decimal | None:
    """The first number after the last `####` (GSM8K's mark), else the last number; `None` where there is none.

    Commas between digits are separators of thousands; other signs, such as a currency's, do not matter.
    """
    marked = text.rpartition(_MARK)[2] if _MARK in text else None
    numbers = _NUMBER.findall(text if marked is None else marked)
    if not numbers:
        return None
    try:
        return Decimal(numbers[-1 if marked is None else 0].replace(",", ""))
    except InvalidOperation:
        return None


def numeric_match(answer: str, references: Iterable[str]) -> float | None:
    """Whether the answer's final number is a reference's, 0 or 1; `None` where no reference holds a number."""
    wanted = {number for reference in references if (number := final_number(reference)) is not None}
    return float(final_number(answer) in wanted) if wanted else None


def exact_match(answer: str, references: Iterable[str]) -> float:
    """Whether the answer is a reference, letter by letter but for white space around it, 0 or 1."""
    return float(answer.strip() in {reference.strip() for reference in references})


def is_json(text: str, keys: Collection[str] = ()) -> bool:
    """Whether a text is one JSON value and nothing else; with `keys`, an object that has them all."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return False
    return not keys or (isinstance(value, dict) and value.keys() >= set(keys))


def _refuse_constant(name: str) -> NoReturn:
    """Python's reader accepts NaN and Infinity, which are not JSON."""
    raise ValueError(f"{name} is not JSON")


def without_thoughts(text: str) -> str:
    """The answer proper of a model that thinks aloud between `<think>` tags."""
    return _THOUGHTS.sub("", text).strip()
