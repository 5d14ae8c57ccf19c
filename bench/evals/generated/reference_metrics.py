"""Answers against references, through modules of the `evaluate` library: shipped ones, or the hub's by name.

Contract: an answer without a reference, or a reference without an answer, has the score `None`.
The library copies modules and keeps its files under this program's cache folder. Code from the hub runs only where the
job allows it.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from bench import places
from bench.errors import InputError, Problem
from bench.suite.catalog.metrics import REFERENCE, Scale
from bench.suite.checks.metric_code import hub_code
from bench.suite.tables.evals.generation import HubMetric

_OWN = Path(__file__).parents[1] / "metrics"
_WHERE = "eval.hub_metrics"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One measure of all answers."""

    scale: Scale
    scores: tuple[float | None, ...]
    """One per answer; all `None` for a corpus metric."""
    corpus: float | None = None
    """The figure over all answers, for a corpus metric."""
    statistics: tuple[tuple[float, ...] | None, ...] = ()
    """Sufficient statistics per answer, where a corpus metric has them."""


Texts = Sequence[str | None]


def score_own(name: str, answers: Texts, references: Texts) -> list[Scored]:
    """The measures of one of this program's metrics; `references` are as many as `answers`."""
    usable = _usable(answers, references)
    results = _compute(str(_OWN / name), usable, as_lists=True, options={}) if usable else {}
    return [_scored(scale, results, usable, len(answers)) for scale in REFERENCE[name]]


def score_hub(metric: HubMetric, answers: Texts, references: Texts, *, trusted: bool) -> Scored:
    """One result of a metric from the hub. Raises `InputError` where its code is not allowed or cannot be had."""
    if not trusted:
        raise InputError(hub_code(metric, _WHERE))
    usable = _usable(answers, references)
    results = _from_hub(metric, usable) if usable else {}
    value = results.get(metric.key)
    if usable and value is None:
        keys = ", ".join(results) or "nothing"
        raise _refusal(metric, f"gives no {metric.key!r}", f"it gives {keys}")
    per_example = isinstance(value, Sequence) and len(value) == len(usable)
    scale = Scale(
        name=metric.measure,
        says=f"{metric.key} of the metric {metric.name}",
        higher_is_better=metric.higher_is_better,
        per_example=per_example or not usable,
    )
    return _scored(scale, {scale.name: value}, usable, len(answers))


def _usable(answers: Texts, references: Texts) -> dict[int, tuple[str, str]]:
    """Pairs with an answer and a reference, by position."""
    pairs = enumerate(zip(answers, references, strict=True))
    return {at: (answer, wanted) for at, (answer, wanted) in pairs if answer is not None and wanted is not None}


def _scored(scale: Scale, results: Mapping[str, Any], usable: Mapping[int, Any], count: int) -> Scored:
    nothing: list[float | None] = [None] * count
    value = results.get(scale.name)
    if not scale.per_example:
        rows: list[tuple[float, ...] | None] = [None] * count
        for at, statistics in zip(usable, results.get(f"{scale.name}_statistics", ()), strict=False):
            rows[at] = tuple(float(number) for number in statistics)
        corpus = float(value) if isinstance(value, Real) else None
        return Scored(scale=scale, scores=tuple(nothing), corpus=corpus, statistics=tuple(rows))
    for at, score in zip(usable, value or (), strict=True):
        nothing[at] = None if score is None else float(score)
    return Scored(scale=scale, scores=tuple(nothing))


def _compute(
    path: str, usable: Mapping[int, tuple[str, str]], *, as_lists: bool, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Results of the module for the pairs, by name."""
    module = _load(path)
    predictions = [answer for answer, _ in usable.values()]
    references = [[wanted] if as_lists else wanted for _, wanted in usable.values()]
    return dict(module.compute(predictions=predictions, references=references, **options))


@functools.cache
def _load(path: str) -> Any:
    """An `evaluate` module by folder or name. The library is slow to import, and few evals need it."""
    import evaluate

    cache = _cache()
    evaluate.config.HF_MODULES_CACHE = str(cache)
    return evaluate.load(path, cache_dir=str(cache / "metrics"), keep_in_memory=True)


@functools.cache
def _cache() -> Path:
    """One for the process: Python finds copied modules where it found the first."""
    return places.home() / "modules"


def _from_hub(metric: HubMetric, usable: Mapping[int, tuple[str, str]]) -> dict[str, Any]:
    try:
        return _compute(metric.name, usable, as_lists=False, options=metric.options)
    except Exception as error:  # whatever that code raises
        hint = f"without a hub there are {', '.join(REFERENCE)}"
        raise _refusal(metric, f"cannot be used: {type(error).__name__}: {error}", hint) from error


def _refusal(metric: HubMetric, what: str, hint: str) -> InputError:
    what = f"the metric {metric.name!r} {what}"
    return InputError(Problem(reference="metric.hub", what=what, where=_WHERE, hint=hint))
