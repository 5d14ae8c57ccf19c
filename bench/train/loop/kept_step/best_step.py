"""The best step of a training so far by one figure of which less is better: its weights, and when to stop waiting.

Contract: of equal figures the earliest step is best; a missing figure is never best, and counts towards patience.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from bench.train.loop.kept_step.weights import load_weights, trainable_weights


class FigureAt(NamedTuple):
    """The figure after a step; `None` where there is none."""

    step: int
    value: float | None


class BestStep:
    """Follows the figure over the steps that it is noted at."""

    def __init__(self, *, keep: bool, patience: int | None, min_delta: float = 0.0) -> None:
        """`keep`: whether the weights of the best step are kept. `patience`: notes in a row without a figure that is
        lower by `min_delta`, after which the training should stop; `None`: it never should."""
        self._keep, self._patience, self._min_delta = keep, patience, min_delta
        self._waited = 0
        self._reference = math.inf
        """The next figure must be lower than this by `min_delta`, or it counts towards patience."""
        self.figures: tuple[FigureAt, ...] = ()
        """In order of steps."""
        self.best: FigureAt | None = None
        self.best_weights: dict[str, torch.Tensor] = {}
        """Trainable weights at `best`, on the processor; empty unless they are to be kept."""

    def note(self, step: int, value: float | None, model: torch.nn.Module) -> bool:
        """Record a figure; whether the training should stop."""
        figure = FigureAt(step, value)
        self.figures = (*self.figures, figure)
        best = math.inf if self.best is None or self.best.value is None else self.best.value
        if value is not None and value < best:
            self.best = figure
            if self._keep:
                self.best_weights = trainable_weights(model)
        if value is not None and value < self._reference - self._min_delta:
            self._reference, self._waited = value, 0
        else:
            self._waited += 1
        return self._patience is not None and self._waited >= self._patience

    def restore(self, model: torch.nn.Module) -> int | None:
        """Puts the best weights back into `model`; the step they are of, `None` if the last ones stay."""
        if not self.best_weights or self.best is None:
            return None
        load_weights(model, self.best_weights)
        return self.best.step

    def state(self) -> dict[str, object]:
        """JSON value from which `resume` goes on, beside `best_weights`."""
        reference = self._reference if math.isfinite(self._reference) else None
        return {"figures": self.figures, "best": self.best, "waited": self._waited, "reference": reference}

    def resume(self, state: Mapping[str, Any], best_weights: Mapping[str, torch.Tensor]) -> None:
        """Takes over from the training that was interrupted."""
        self.figures = tuple(FigureAt(*figure) for figure in state["figures"])
        self.best = None if state["best"] is None else FigureAt(*state["best"])
        self._waited = int(state["waited"])
        self._reference = math.inf if state["reference"] is None else float(state["reference"])
        self.best_weights = dict(best_weights)
