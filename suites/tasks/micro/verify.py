"""Checks of the micro world's verifiable instructions, one function per kind, as IFEval does it (Zhou et al. 2023).

A check gets the answer's text and the example (`name`, `word`, `number`), and says whether it was followed.
Nothing of the bench package is imported: lm-eval loads this file by its path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Document = Mapping[str, Any]


def process_results(doc: Document, results: list[str]) -> dict[str, bool]:
    """lm-eval's hook: strict and loose verdict on the one answer."""
    answer = results[0].strip()
    check = CHECKS[doc["kind"]]
    return {
        "prompt_level_strict_acc": check(answer, doc),
        "prompt_level_loose_acc": any(check(variant, doc) for variant in variants(answer)),
    }


def variants(answer: str) -> list[str]:
    """The answer, and the answer without asterisks and without its opening, where there is one."""
    plain = answer.replace("*", "")
    opening = re.match(r"[^.:!]*[.:!]\s+(?=\S)", plain)
    return [answer, plain, *([plain[opening.end() :]] if opening else [])]


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return re.findall(r"[a-z]+", text.lower().replace("'s", ""))


def mentions(answer: str, doc: Document) -> bool:
    """Whether the answer speaks of the entity, in three words or more."""
    said = words(answer)
    return len(said) >= 3 and doc["name"].lower() in said


def capital_letters(answer: str, doc: Document) -> bool:
    """The name, in capitals."""
    return answer.rstrip(".") == doc["name"].upper()


def small_letters(answer: str, doc: Document) -> bool:
    """The name, in small letters."""
    return answer.rstrip(".") == doc["name"].lower()


def quotation_marks(answer: str, doc: Document) -> bool:
    """The name between double quotation marks."""
    return answer.rstrip(".") == f'"{doc["name"]}"'


def repeat(answer: str, doc: Document) -> bool:
    """The name as often as asked, and nothing else."""
    return words(answer) == [doc["name"].lower()] * doc["number"]


def begin_with(answer: str, doc: Document) -> bool:
    """The first word is the one asked for."""
    return mentions(answer, doc) and words(answer)[0] == doc["word"]


def end_with(answer: str, doc: Document) -> bool:
    """The last word is the one asked for."""
    return mentions(answer, doc) and words(answer)[-1] == doc["word"]


def include(answer: str, doc: Document) -> bool:
    """The word asked for is there."""
    return mentions(answer, doc) and doc["word"] in words(answer)


def at_most(answer: str, doc: Document) -> bool:
    """No more words than asked for."""
    return mentions(answer, doc) and len(answer.split()) <= doc["number"]


CHECKS: Mapping[str, Callable[[str, Document], bool]] = {
    "capital_letters": capital_letters,
    "small_letters": small_letters,
    "quotation_marks": quotation_marks,
    "repeat": repeat,
    "begin_with": begin_with,
    "end_with": end_with,
    "include": include,
    "at_most": at_most,
}
