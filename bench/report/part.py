"""A part of a measurand's examples, lined up like the whole: one task, or the examples that are not contaminated."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bench.report.align import Aligned
from bench.stats.sample import Scores


def one_task(entry: Aligned, task: str) -> Aligned | None:
    """The examples of one task, as `EVAL/TASK`; `None` where there are none."""
    kept = np.array([name == task for name, _ in entry.examples], dtype=np.bool_)
    if not kept.any():
        return None
    name = f"{entry.measurand.eval}/{task}"
    measurand = replace(
        entry.measurand, name=name, metrics={task: entry.measurand.metrics[task]}, chance=None, pools={}
    )
    return replace(_kept(entry, kept), measurand=measurand)


def without(entry: Aligned, examples: Collection[tuple[str, str]]) -> Aligned:
    """All but `examples`, which are (task, id)."""
    return _kept(entry, np.array([example not in examples for example in entry.examples], dtype=np.bool_))


def _kept(entry: Aligned, kept: NDArray[np.bool_]) -> Aligned:
    examples = tuple(example for example, keep in zip(entry.examples, kept, strict=True) if keep)
    return replace(
        entry,
        examples=examples,
        arms={arm: _scores(scores, kept) for arm, scores in entry.arms.items()},
        counts={
            arm: replace(counts, values=counts.values[:, kept], present=counts.present[:, kept])
            for arm, counts in entry.counts.items()
        },
    )


def _scores(scores: Scores, kept: NDArray[np.bool_]) -> Scores:
    strata = None if scores.strata is None else scores.strata[kept]
    return replace(
        scores,
        values=scores.values[:, kept],
        present=scores.present[:, kept],
        weights=scores.weights[kept],
        clusters=None if scores.clusters is None else scores.clusters[kept],
        strata=None if strata is None or np.unique(strata).size < 2 else strata,
    )
