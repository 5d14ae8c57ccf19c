"""Loss curves of the trainings, ready to draw: against tokens seen, smoothed, averaged over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.record.record import Record
from bench.record.result import Step
from bench.report.align import planned_arms

_WINDOW_SHARE = 0.05
_POINTS = 200

Line = tuple[tuple[float, ...], tuple[float, ...]]
"""Tokens seen and loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One arm. Steps whose loss was not finite are gaps that the lines pass over."""

    data: str
    recipe: str
    seeds: tuple[Line, ...]
    mean_tokens: tuple[float, ...]
    mean_losses: tuple[float, ...]
    """Mean over seeds of the losses, each smoothed over a twentieth of its steps."""


def loss_curves(record: Record) -> tuple[Curve, ...]:
    """One curve per arm with a finished training, in the suite's order."""
    found = []
    for arm in planned_arms(record):
        results = [t.result for t in record.trainings if t.arm == arm.name and t.result is not None]
        lines = [line for result in results if (line := _line(result.steps)) is not None]
        if lines:
            tokens, losses = _mean([_smoothed(line) for line in lines])
            found.append(
                Curve(
                    data=arm.data + arm.suffix,
                    recipe=arm.recipe,
                    seeds=tuple(lines),
                    mean_tokens=tokens,
                    mean_losses=losses,
                )
            )
    return tuple(found)


def _line(steps: Sequence[Step]) -> Line | None:
    """`None` without any finite loss."""
    tokens = np.cumsum([step.tokens for step in steps])
    kept = [(float(seen), step.loss) for seen, step in zip(tokens, steps, strict=True) if step.loss is not None]
    return (tuple(seen for seen, _ in kept), tuple(loss for _, loss in kept)) if kept else None


def _smoothed(line: Line) -> Line:
    """Centred moving average; at the ends over what is there."""
    losses = np.array(line[1])
    window = max(1, round(_WINDOW_SHARE * losses.size)) | 1
    kernel = np.ones(min(window, losses.size))
    weight = np.convolve(np.ones(losses.size), kernel, mode="same")
    return line[0], tuple((np.convolve(losses, kernel, mode="same") / weight).tolist())


def _mean(lines: Sequence[Line]) -> Line:
    """On a common grid that every seed covers."""
    start, end = max(line[0][0] for line in lines), min(line[0][-1] for line in lines)
    grid = np.linspace(start, max(start, end), min(_POINTS, max(len(line[0]) for line in lines)))
    values = np.mean([np.interp(grid, line[0], line[1]) for line in lines], axis=0)
    return tuple(grid.tolist()), tuple(values.tolist())
