"""Which learning rate a sweep chooses: the one rule, for who trains with it and for who shows it."""

from __future__ import annotations

from collections.abc import Iterable

from bench.record.training import SweepResult


def chosen_rate(results: Iterable[SweepResult]) -> float | None:
    """The rate with the lowest loss, of equal ones the lowest rate; `None` where every training diverged."""
    scored = [(result.loss, result.rate) for result in results if result.loss is not None]
    return min(scored)[1] if scored else None
