"""Curves of the trainings, ready to draw over the tokens seen: loss, gradient norm, learning rate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.record.record import Record
from bench.record.results.training.ledger import Step
from bench.record.results.training.result import TrainResult
from bench.report.analysis.run_facts.subjects import planned_arms, trainings_of

_WINDOW_SHARE = 0.05
_SMALLEST_WINDOW = 3
_POINTS = 200

Line = tuple[tuple[float, ...], tuple[float, ...]]
"""Tokens seen and a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCurve:
    """One arm. Steps whose loss was not finite are gaps that the lines pass over."""

    data: str
    recipe: str
    seeds: tuple[Line, ...]
    mean_tokens: tuple[float, ...]
    mean_losses: tuple[float, ...]
    """Mean over seeds of the losses, each smoothed over a twentieth of its steps, three at least."""
    validation: tuple[Line, ...] = ()
    """Loss on rows held out of the training rows, by seed; empty where the recipe asks for none."""
    gradient_norm: tuple[Line, ...] = ()
    """Norm before clipping, by seed; steps without one are left out."""
    learning_rate: tuple[Line, ...] = ()
    """Rate of each step, by seed."""


def loss_curves(record: Record) -> tuple[LossCurve, ...]:
    """One curve per arm with a finished training, in the suite's order."""
    curves = []
    for arm in planned_arms(record):
        results = [t.result for t in trainings_of(record, arm.name) if t.result is not None]
        seeds = [seed for result in results if (seed := _scored(result.steps)).losses]
        if seeds:
            tokens, losses = _mean([(seed.seen, _smoothed(seed)) for seed in seeds])
            curves.append(
                LossCurve(
                    data=arm.data + arm.suffix,
                    recipe=arm.recipe,
                    seeds=tuple((seed.seen, seed.losses) for seed in seeds),
                    mean_tokens=tokens,
                    mean_losses=losses,
                    validation=tuple(line for result in results if (line := _validation(result))[0]),
                    gradient_norm=_each(results, lambda step: step.gradient_norm),
                    learning_rate=_each(results, lambda step: step.learning_rate),
                )
            )
    return tuple(curves)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seed:
    """The steps of one training whose loss was finite."""

    seen: tuple[float, ...]
    """Tokens up to and with each step."""
    losses: tuple[float, ...]
    supervised: tuple[int, ...]


def _each(results: Sequence[TrainResult], value: Callable[[Step], float | None]) -> tuple[Line, ...]:
    """One line per training over the steps that have the value."""
    lines = []
    for result in results:
        seen = np.cumsum([step.tokens for step in result.steps])
        kept = [(float(at), v) for at, step in zip(seen, result.steps, strict=True) if (v := value(step)) is not None]
        if kept:
            lines.append((tuple(at for at, _ in kept), tuple(v for _, v in kept)))
    return tuple(lines)


def _validation(result: TrainResult) -> Line:
    """The validation line of one training; evaluations without a finite loss are left out."""
    seen = np.cumsum([step.tokens for step in result.steps])
    kept = [(float(seen[point.step - 1]), point.loss) for point in result.validation if point.loss is not None]
    return tuple(tokens for tokens, _ in kept), tuple(loss for _, loss in kept)


def _scored(steps: Sequence[Step]) -> _Seed:
    seen = np.cumsum([step.tokens for step in steps])
    kept = [
        (float(tokens), step.loss, step.supervised_tokens)
        for tokens, step in zip(seen, steps, strict=True)
        if step.loss is not None
    ]
    return _Seed(
        seen=tuple(tokens for tokens, _, _ in kept),
        losses=tuple(loss for _, loss, _ in kept),
        supervised=tuple(supervised for _, _, supervised in kept),
    )


def _smoothed(seed: _Seed) -> tuple[float, ...]:
    """Centred moving mean per supervised token, so that a short last batch counts for what it is; at the ends over
    what is there."""
    steps = len(seed.losses)
    kernel = np.ones(min(steps, max(_SMALLEST_WINDOW, round(_WINDOW_SHARE * steps)) | 1))
    summed = np.convolve(np.multiply(seed.losses, seed.supervised), kernel, mode="same")
    return tuple((summed / np.convolve(seed.supervised, kernel, mode="same")).tolist())


def _mean(lines: Sequence[Line]) -> Line:
    """On a common grid that every seed covers."""
    start, end = max(line[0][0] for line in lines), min(line[0][-1] for line in lines)
    grid = np.linspace(start, max(start, end), min(_POINTS, max(len(line[0]) for line in lines)))
    values = np.mean([np.interp(grid, line[0], line[1]) for line in lines], axis=0)
    return tuple(grid.tolist()), tuple(values.tolist())
