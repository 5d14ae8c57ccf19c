"""What can be measured of a generated answer: every measure's name, meaning, direction and chance level, as data.

Contract: the one table that checks, evals, reports and documentation share. `REFERENCE` names the metrics that compare
with a reference, each with the measures that it gives; `BEHAVIOUR` those of every answer, with or without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One measure."""

    name: str
    says: str
    """What it is, in one sentence."""
    higher_is_better: bool
    binary: bool = False
    """One answer scores 0 or 1."""
    chance: float | None = None
    """Expected value of an answer that knows nothing; `None` where that is unknown."""
    per_example: bool = True
    """False for a corpus metric: computed over all answers at once, from statistics that each example keeps."""
    span: float | None = 1.0
    """Largest difference of two values; `None` where there is none."""
    may_lead: bool = True
    """Whether an eval may be decided by it: not where neither direction is better."""


REFERENCE: Mapping[str, tuple[Scale, ...]] = {
    "exact_match": (
        Scale(
            name="exact_match",
            says="The answer is the reference, letter by letter, but for white space around it.",
            higher_is_better=True,
            binary=True,
            chance=0.0,
        ),
    ),
    "token_f1": (
        Scale(
            name="token_f1",
            says="Harmonic mean of precision and recall over lower-cased words, as bags.",
            higher_is_better=True,
        ),
    ),
    "squad": (
        Scale(
            name="squad_em",
            says="Equal after SQuAD's normalisation: lower case, no punctuation, no articles, single spaces.",
            higher_is_better=True,
            binary=True,
            chance=0.0,
        ),
        Scale(
            name="squad_f1",
            says="Harmonic mean of precision and recall over words after SQuAD's normalisation.",
            higher_is_better=True,
        ),
    ),
    "numeric": (
        Scale(
            name="numeric",
            says="The number after `####`, else the last number, equals the reference's (GSM8K).",
            higher_is_better=True,
            binary=True,
            chance=0.0,
        ),
    ),
    "rouge": (
        Scale(
            name="rouge_l",
            says="F-measure of the longest common subsequence of words (Lin 2004).",
            higher_is_better=True,
        ),
        Scale(name="rouge_1", says="F-measure over words (Lin 2004).", higher_is_better=True),
        Scale(name="rouge_2", says="F-measure over pairs of words (Lin 2004).", higher_is_better=True),
    ),
    "chrf": (
        Scale(
            name="chrf",
            span=100.0,
            says="F2 over character n-grams up to 6, over the whole corpus, 0 to 100 (Popović 2015; sacreBLEU).",
            higher_is_better=True,
            per_example=False,
        ),
        Scale(name="sentence_chrf", span=100.0, says="The same for each answer, then the mean.", higher_is_better=True),
    ),
    "bleu": (
        Scale(
            name="bleu",
            span=100.0,
            says="Corpus BLEU-4, 0 to 100 (Papineni et al. 2002; sacreBLEU: 13a words, exponential smoothing).",
            higher_is_better=True,
            per_example=False,
        ),
        Scale(
            name="sentence_bleu",
            span=100.0,
            says="BLEU of each answer, with as many n-gram orders as it has, then the mean.",
            higher_is_better=True,
        ),
    ),
}
"""By the name that a suite gives under `metrics`; the first measure leads where the suite names none."""

ENDED = "ended"
FORMAT = "format"
BEHAVIOUR: tuple[Scale, ...] = (
    Scale(
        name=ENDED,
        says="The answer ended by itself, by a stop token or text, before the greatest length.",
        higher_is_better=True,
        binary=True,
    ),
    Scale(name="empty", says="The answer has no text but white space.", higher_is_better=False, binary=True),
    Scale(
        name="repetition",
        says="Share of the answer's 4-grams of tokens that are repeats (Welleck et al. 2020); 0 if it has none.",
        higher_is_better=False,
    ),
    Scale(
        name="drift",
        says="Share of the answer's letters outside the script that most of the prompt's letters have.",
        higher_is_better=False,
    ),
    Scale(
        name=FORMAT,
        says="The answer has the form that the suite asks for.",
        higher_is_better=True,
        binary=True,
    ),
    Scale(
        name="length",
        span=None,
        says="Tokens of the answer, without the one that ended it. Neither direction is better.",
        higher_is_better=False,
        may_lead=False,
    ),
)
"""Measures of every answer; `format` only where the suite gives one."""


_SPANS = {scale.name: scale.span for scales in (*REFERENCE.values(), BEHAVIOUR) for scale in scales}


def span_of(metric: str) -> float | None:
    """Largest difference of two values of a measure; `None` where it is unknown or unbounded."""
    return _SPANS.get(metric)
