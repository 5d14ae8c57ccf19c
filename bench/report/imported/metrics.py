"""One example's value and weight of a metric in lm-eval's samples, so that their mean is lm-eval's own figure.

Contract: pure. Most values are averaged as they are. Rates over words, bytes and instructions are sums over sums in
lm-eval (`lm_eval/api/metrics.py`, `agg_inst_level_acc` of its IFEval): each example then weighs what it adds below the
line. Perplexities are compared as their logarithm, which is the mean that lm-eval raises e to. What has no value of one
example (BLEU, F1) has none here.
"""

import math
from dataclasses import dataclass

_PER_UNIT = ("word_perplexity", "byte_perplexity", "bits_per_byte")
_WORDS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Inspect's grades: correct, incorrect, partial, no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleScore:
    """value: `None` where the example has no score. weight: of the example in the mean."""

    value: float | None
    weight: float = 1.0


def metric_name(metric: str) -> str:
    """Name under which a metric is compared: `log perplexity` for a perplexity."""
    return f"log {metric}" if "perplexity" in metric else metric


def lm_eval_score(metric: str, value: object, weight: float) -> ExampleScore:
    """weight: what the sample itself says, for a metric without weights of its own."""
    match value:
        case [bool(), *_] if all(isinstance(item, bool) for item in value):
            return ExampleScore(value=sum(map(bool, value)) / len(value), weight=float(len(value)))
        case [int() | float() as logprob, int() | float() as size] if metric in _PER_UNIT and size > 0:
            unit = math.log(2) if metric == "bits_per_byte" else 1.0
            return ExampleScore(value=number(-logprob / size / unit), weight=float(size))
    score = number(value)
    return ExampleScore(value=-score if metric == "perplexity" and score is not None else score, weight=weight)


def number(value: object) -> float | None:
    """The number of a score or of Inspect's letter; `None` of anything else."""
    if isinstance(value, str):
        return _WORDS.get(value)
    return float(value) if isinstance(value, bool | int | float) and math.isfinite(value) else None


def weight_of(holder: object) -> float:
    """The weight that this program's exports give an example; 1 where there is none."""
    weight = number(holder.get("weight")) if isinstance(holder, dict) else None
    return weight if weight is not None and weight > 0 else 1.0
