"""Scores of an answer that need no model: rules and likeness to a reference, as evals score an answer."""

import re
from collections.abc import Callable, Sequence

from bench.making.spec import SimilarityScorer, Verifier
from bench.text import exact_match, is_json, numeric_match, rouge_l, token_f1, without_thoughts


def reward(scorer: Verifier | SimilarityScorer, answer: str, reference: str | None) -> float | None:
    """Between 0 and 1; `None` where there is no reference to compare with."""
    if scorer.needs_reference and reference is None:
        return None
    proper = without_thoughts(answer)
    if scorer.kind == "verifier" and scorer.rule == "regex":
        return float(re.search(scorer.pattern or "", proper) is not None)
    return _SCORES[scorer.name if scorer.kind == "metric" else scorer.rule](proper, [reference or ""])


def _contains(answer: str, references: Sequence[str]) -> float:
    return float(any(_plain(reference) in _plain(answer) for reference in references))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _json(answer: str, references: Sequence[str]) -> float:
    return float(is_json(answer))


_SCORES: dict[str, Callable[[str, Sequence[str]], float | None]] = {
    "exact": exact_match,
    "contains": _contains,
    "numeric": numeric_match,
    "json": _json,
    "token_f1": token_f1,
    "rouge_l": rouge_l,
}
