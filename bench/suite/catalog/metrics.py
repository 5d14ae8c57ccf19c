"""What can be measured of a generated answer: every measure's name, meaning, direction and chance level, as data.

Contract: the one table that checks, evals, reports and documentation share. `REFERENCE` names the metrics that compare
with a reference, each with the measures that it gives; `BEHAVIOUR` those of every answer, with or without one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Ends: TypeAlias = tuple[float, float]
UNIT: Ends = (0.0, 1.0)
PERCENT: Ends = (0.0, 100.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One measure."""

    name: str
    says: str
    """What it is, in one sentence."""
    higher_is_better: bool = True
    binary: bool = False
    """One answer scores 0 or 1."""
    chance: float | None = None
    """Expected value of an answer that knows nothing; `None` where that is unknown."""
    per_example: bool = True
    """False for a corpus metric: computed over all answers at once, from statistics that each example keeps."""
    ends: Ends | None = UNIT
    """Lowest and highest value; `None` where there is no highest."""
    may_lead: bool = True
    """Whether an eval may be decided by it: not where neither direction is better."""


def _right_or_wrong(*, name: str, says: str) -> Scale:
    return Scale(name=name, says=says, binary=True, chance=0.0)


REFERENCE: Mapping[str, tuple[Scale, ...]] = {
    "exact_match": (
        _right_or_wrong(
            name="exact_match", says="The answer is the reference, letter by letter, but for white space around it."
        ),
    ),
    "token_f1": (
        Scale(name="token_f1", says="Harmonic mean of precision and recall over lower-cased words, as bags."),
    ),
    "squad": (
        _right_or_wrong(
            name="squad_em",
            says="Equal after SQuAD's normalisation: lower case, no punctuation, no articles, single spaces.",
        ),
        Scale(name="squad_f1", says="Harmonic mean of precision and recall over words after SQuAD's normalisation."),
    ),
    "numeric": (
        _right_or_wrong(
            name="numeric", says="The number after `####`, else the last number, equals the reference's (GSM8K)."
        ),
    ),
    "code": (
        _right_or_wrong(name="code", says="The answer's code passes its row's tests, in a sandbox without network."),
    ),
    "tool_call": (
        _right_or_wrong(name="tool_call", says="The answer calls the reference's tools with its arguments."),
        _right_or_wrong(
            name="tool_name", says="The answer calls the tools that the reference names, with whatever arguments."
        ),
    ),
    "rouge": (
        Scale(name="rouge_l", says="F-measure of the longest common subsequence of words (Lin 2004)."),
        Scale(name="rouge_1", says="F-measure over words (Lin 2004)."),
        Scale(name="rouge_2", says="F-measure over pairs of words (Lin 2004)."),
    ),
    "chrf": (
        Scale(
            name="chrf",
            ends=PERCENT,
            says="F2 over character n-grams up to 6, over the whole corpus, 0 to 100 (Popović 2015; sacreBLEU).",
            per_example=False,
        ),
        Scale(name="sentence_chrf", ends=PERCENT, says="The same for each answer, then the mean."),
    ),
    "bleu": (
        Scale(
            name="bleu",
            ends=PERCENT,
            says="Corpus BLEU-4, 0 to 100 (Papineni et al. 2002; sacreBLEU: 13a words, exponential smoothing).",
            per_example=False,
        ),
        Scale(
            name="sentence_bleu",
            ends=PERCENT,
            says="BLEU of each answer, with as many n-gram orders as it has, then the mean.",
        ),
    ),
}
"""By the name that a suite gives under `metrics`; the first measure leads where the suite names none."""

BY_PROGRAM = frozenset({"code", "tool_call"})
"""Metrics among these that are no modules of the `evaluate` library: they run code, or read calls."""

MAJORITY = "majority"
_PASS_AT = "pass@"  # noqa: S105  # a measure, no password


def right_or_wrong(metrics: Iterable[str]) -> Scale | None:
    """The first measure of these metrics by which an answer is right or wrong."""
    return next((scale for name in metrics for scale in REFERENCE.get(name, ()) if scale.binary), None)


def several_answers(metrics: Iterable[str], *, pass_at: Iterable[int], majority: bool) -> tuple[Scale, ...]:
    """Measures of several answers to a prompt together; none without a right-or-wrong metric."""
    by = right_or_wrong(metrics)
    if by is None:
        return ()
    scales = [
        Scale(name=f"{_PASS_AT}{k}", says=f"Chance that one of {k} answers is right by {by.name}.") for k in pass_at
    ]
    if majority:
        says = f"The most frequent answer is right by {by.name}; of equally frequent ones their share."
        scales.append(Scale(name=MAJORITY, says=says))
    return tuple(scales)


ENDED = "ended"
FORMAT = "format"
BEHAVIOUR: tuple[Scale, ...] = (
    Scale(
        name=ENDED, says="The answer ended by itself, by a stop token or text, before the greatest length.", binary=True
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
    Scale(name=FORMAT, says="The answer has the form that the suite asks for.", binary=True),
    Scale(
        name="length",
        ends=None,
        says="Tokens of the answer, without the one that ended it. Neither direction is better.",
        higher_is_better=False,
        may_lead=False,
    ),
)
"""Measures of every answer; `format` only where the suite gives one."""


HARNESS_RATES = frozenset(
    {"acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match", "em", "mc1", "mc2", "pass@1", "accuracy"}
    | {f"{level}_level_{how}_acc" for level in ("prompt", "inst") for how in ("strict", "loose")}
    | {f"{metric}_acc" for metric in ("bleu", "rouge1", "rouge2", "rougeL")}
)
"""Metrics of lm-eval's tasks that are rates from 0 to 1."""

_OVERLAPS = ("f1", "precision", "recall", "rouge1", "rouge2", "rougeL", "rougeLsum", "bleu", "chrf")
_HARNESS: Mapping[str, tuple[Ends, ...]] = {
    **dict.fromkeys(HARNESS_RATES, (UNIT,)),
    **dict.fromkeys((*_OVERLAPS, "bleu_max", "rouge1_max", "rouge2_max", "rougeL_max"), (UNIT, PERCENT)),
    **dict.fromkeys(("bleu_diff", "rouge1_diff", "rouge2_diff", "rougeL_diff"), ((-1.0, 1.0), (-100.0, 100.0))),
    "mcc": ((-1.0, 1.0),),
}
"""By lm-eval's name, the scales on which its tasks give a metric, the narrowest first: an overlap of texts is a share
in one task and a percentage in another."""
_OWN = {scale.name: scale.ends for scales in (*REFERENCE.values(), BEHAVIOUR) for scale in scales}


def scales_of(metric: str) -> tuple[Ends, ...]:
    """Scales that a measure may have, the narrowest first; empty where they are unknown or have no upper end.

    metric: a name of this catalogue, or lm-eval's, with or without its filter (`METRIC:FILTER`).
    """
    if metric in _OWN:
        ends = _OWN[metric]
        return () if ends is None else (ends,)
    if metric == MAJORITY or metric.startswith(_PASS_AT):
        return (UNIT,)
    return _HARNESS.get(metric.partition(":")[0], ())


def ends_of(metric: str, scores: Iterable[float]) -> Ends | None:
    """Lowest and highest possible score of a measure that gave `scores`; `None` where no scale holds them all, and
    where nothing shows which of two it is.

    Of two scales the narrower one is taken where a score shows it: scores that are all at its ends do not.
    """
    seen, scales = tuple(scores), scales_of(metric)
    fitting = [ends for ends in scales if all(ends[0] <= score <= ends[1] for score in seen)]
    if not fitting or (len(scales) > 1 and not seen):
        return None
    within = any(fitting[0][0] < score < fitting[0][1] and score != 0.0 for score in seen)
    return fitting[0] if within else fitting[-1]
