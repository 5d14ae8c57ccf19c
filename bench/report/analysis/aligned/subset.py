"""A part of a measurand's examples, lined up like the whole: some tasks, or the examples that are not contaminated."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bench.report.analysis.aligned.align import Aligned
from bench.stats.samples.sample import Scores


def some_tasks(
    entry: Aligned, tasks: Collection[str], *, name: str, chance: float | None, pool: str | None = None
) -> Aligned | None:
    """The examples of some of the tasks, as `EVAL/name`; `None` where there are none.

    Tasks count equally; with `pool`, the name of their group, examples do. chance: what guessing gets there.
    """
    kept = np.array([task in tasks for task, _ in entry.examples], dtype=np.bool_)
    if not kept.any():
        return None
    measurand = replace(
        entry.measurand,
        name=f"{entry.measurand.eval}/{name}",
        metrics={task: metric for task, metric in entry.measurand.metrics.items() if task in tasks},
        chance=chance,
        pools={} if pool is None else dict.fromkeys(tasks, pool),
    )
    part = _kept(entry, kept)
    several = pool is None and len({task for task, _ in part.examples}) > 1
    strata = np.unique([task for task, _ in part.examples], return_inverse=True)[1] if several else None
    arms = {arm: replace(scores, strata=strata) for arm, scores in part.arms.items()}
    labels = np.unique([task for task, _ in part.examples], return_inverse=True)[1]
    pooled = None if pool is None else np.zeros_like(labels)
    counts = {arm: replace(scores, strata=labels, pools=pooled) for arm, scores in part.counts.items()}
    return replace(part, measurand=measurand, arms=arms, counts=counts)


def without(entry: Aligned, examples: Collection[tuple[str, str]]) -> Aligned:
    """All but `examples`, which are (task, id)."""
    return _kept(entry, np.array([example not in examples for example in entry.examples], dtype=np.bool_))


def _kept(entry: Aligned, kept: NDArray[np.bool_]) -> Aligned:
    examples = tuple(example for example, keep in zip(entry.examples, kept, strict=True) if keep)
    return replace(
        entry,
        examples=examples,
        arms={arm: _scores(scores, kept) for arm, scores in entry.arms.items()},
        counts={arm: counts.part(kept) for arm, counts in entry.counts.items()},
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
