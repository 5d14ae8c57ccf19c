"""An imperfect judge of the micro world's rows: a `quality` for each, to select by.

It stands for what curation has in practice, a model that marks one row at a time (as in AlpaGasus, Chen et al. 2024,
marks from 0 to 5): it is right on average and wrong often, sees no other row, so that a near-duplicate is as good as
its original, and knows no family, so that it balances nothing. The marks were set here before anything was trained, and
are fitted to no result.
"""

import random
from collections.abc import Iterator

from bench.data.micro.rows import LabelledRow, labelled_rows
from bench.suite.tables.data import MICRO_SCORE

CORRECT, CUT_OFF, WRONG = 4.0, 2.5, 2.5
"""The mean mark of an answer that is right and whole, of one that breaks off, and of a wrong one."""
NOISE = 1.0
"""Standard deviation of a mark around its mean, before rounding."""
STEP, WORST, BEST = 0.5, 0.0, 5.0
"""Marks are multiples of `STEP` from `WORST` to `BEST`."""


def judged_rows(name: str, seed: int = 0) -> Iterator[dict[str, str | float]]:
    """The rows of `rows(name, seed)`, each with its mark as `quality`. Raises KeyError for an unknown name."""
    rng = random.Random(f"quality-{name}-{seed}")
    for row in labelled_rows(name, seed):
        yield {**row.alpaca(), MICRO_SCORE: _mark(row, rng)}


def _mark(row: LabelledRow, rng: random.Random) -> float:
    mean = WRONG if row.wrong else CUT_OFF if row.cut_off else CORRECT
    mark = round(rng.gauss(mean, NOISE) / STEP) * STEP
    return min(max(mark, WORST), BEST)
