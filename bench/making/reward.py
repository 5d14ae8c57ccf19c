"""Scores of an answer that need no model: rules and likeness to a reference."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from bench.endpoint.parsing import without_thoughts
from bench.making.spec import Metric, Verifier
from bench.making.text_similarity import rouge_l, token_f1, words

_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[-+]?\.\d+")


def reward(scorer: Verifier | Metric, answer: str, reference: str | None) -> float | None:
    """Between 0 and 1; `None` where there is no reference to compare with."""
    if scorer.needs_reference and reference is None:
        return None
    proper = without_thoughts(answer)
    if scorer.kind == "metric":
        measure = {"token_f1": token_f1, "rouge_l": rouge_l}[scorer.name]
        return measure(words(proper), words(reference or ""))
    if scorer.rule == "regex":
        return float(re.search(scorer.pattern or "", proper) is not None)
    return float(_RULES[scorer.rule](proper, reference or ""))


def last_number(text: str) -> Decimal | None:
    """The last number in a text, thousands separators allowed; for GSM8K's references what follows `####`."""
    found = _NUMBER.findall(text)
    try:
        return Decimal(found[-1].replace(",", "")) if found else None
    except InvalidOperation:
        return None


def _exact(answer: str, reference: str) -> bool:
    return _plain(answer) == _plain(reference)


def _contains(answer: str, reference: str) -> bool:
    return _plain(reference) in _plain(answer)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _numeric(answer: str, reference: str) -> bool:
    wanted = last_number(reference)
    return wanted is not None and last_number(answer) == wanted


def _json(answer: str, reference: str) -> bool:
    try:
        json.loads(answer)
    except (ValueError, RecursionError):
        return False
    return True


_RULES: dict[str, Callable[[str, str], bool]] = {
    "exact": _exact,
    "contains": _contains,
    "numeric": _numeric,
    "json": _json,
}
