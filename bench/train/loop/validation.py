"""Validation while training: which rows are held out, when they are scored, what was best, when to stop.

Contract: the split depends on the training's seed and the number of rows alone. A validation loss is the mean negative
log-likelihood per supervised token of all held-out rows, under the same mask as training.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch

from bench.data.render.row import Row
from bench.errors import InputError, Problem
from bench.record.training import ValidationPoint
from bench.suite.recipe import Recipe, Validation
from bench.train.batches.disk_batches import SpooledBatches
from bench.train.batches.encoded_row import Batch, RowRenderer, encode_row

_EVALUATIONS = 10
"""Of a training that does not say how often."""


@dataclass(frozen=True)
class Part(Sequence[Row]):
    """Some of the rows, in their order, read only when asked for."""

    rows: Sequence[Row]
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Part: ...
    def __getitem__(self, index: int | slice) -> Row | Part:
        if isinstance(index, slice):
            return Part(self.rows, self.indices[index])
        return self.rows[self.indices[index]]


def split_rows(rows: Sequence[Row], validation: Validation, seed: int) -> tuple[Part, Part]:
    """Rows to train on and rows held out, both in their order. Raises `InputError` below two rows."""
    if len(rows) < 2:
        raise InputError(
            Problem(
                reference="recipe.validation",
                what="validation needs at least two rows, one of them to train on",
                where="recipe.*.validation",
                hint="take the table out",
            )
        )
    count = min(len(rows) - 1, max(1, round(validation.share * len(rows))))
    order = np.random.default_rng([seed % 2**32, 2]).permutation(len(rows)).tolist()
    return Part(rows, tuple(sorted(order[count:]))), Part(rows, tuple(sorted(order[:count])))


def validation_batches(
    rows: Sequence[Row], renderer: RowRenderer, recipe: Recipe, *, folder: Path | None = None
) -> Sequence[Batch]:
    """The held-out rows, longest first, in unpacked batches, on disk in `folder` (default: the system's for temporary
    files). Raises `InputError` if none has anything supervised."""
    rendered, lengths = SpooledBatches(folder), list[int]()
    for index, row in enumerate(rows):
        example = encode_row(index, row, renderer)
        if example is not None:
            rendered.append(((example,),))
            lengths.append(example.tokens)
    if not lengths:
        raise InputError(
            Problem(
                reference="recipe.validation",
                what="no held-out row has anything to supervise after rendering",
                where="recipe.*.validation",
                hint="raise its share, or max_length",
            )
        )
    order = np.argsort(-np.array(lengths), kind="stable").tolist()
    size = recipe.batch_rows
    if recipe.batch_tokens is not None:
        size = max(1, recipe.batch_tokens // max(lengths))
    batches = SpooledBatches(folder)
    for start in range(0, len(order), size):
        batches.append(tuple(rendered[place][0] for place in order[start : start + size]))
    return batches


class Watch:
    """Follows the validation losses of one training: when one is due, the best weights, whether to stop."""

    def __init__(self, validation: Validation, *, steps: int) -> None:
        """`steps`: optimiser steps that are planned."""
        self._spec = validation
        self._steps = steps
        self._every = validation.every or max(1, math.ceil(steps / _EVALUATIONS))
        self._waited = 0
        self._reference = math.inf
        """The loss that the next must be lower than by `min_delta`, or patience wears."""
        self.points: tuple[ValidationPoint, ...] = ()
        """In order of steps."""
        self.best: ValidationPoint | None = None
        """The lowest loss so far; the earliest of equals."""
        self.best_weights: dict[str, torch.Tensor] = {}
        """Trainable weights at `best`, on the processor; empty unless they are to be kept."""

    def due(self, step: int) -> bool:
        """Whether to evaluate after this step."""
        return step % self._every == 0 or step == self._steps

    def note(self, step: int, loss: float | None, model: torch.nn.Module) -> bool:
        """Takes a validation loss (`None`: not finite) down; whether the training should stop."""
        point = ValidationPoint(step=step, loss=loss)
        self.points = (*self.points, point)
        best = math.inf if self.best is None or self.best.loss is None else self.best.loss
        if loss is not None and loss < best:
            self.best = point
            if self._spec.keep_best:
                self.best_weights = trainable_weights(model)
        if loss is not None and loss < self._reference - self._spec.min_delta:
            self._reference, self._waited = loss, 0
        else:
            self._waited += 1
        return self._spec.patience is not None and self._waited >= self._spec.patience

    def restore(self, model: torch.nn.Module) -> int | None:
        """Puts the best weights back into `model`; the step they are of, `None` if the last ones stay."""
        if not self.best_weights or self.best is None:
            return None
        load_weights(model, self.best_weights)
        return self.best.step

    def state(self) -> dict[str, object]:
        """JSON value from which `resume` goes on, beside `best_weights`."""
        best = None if self.best is None else self.best.model_dump()
        reference = self._reference if math.isfinite(self._reference) else None
        points = [point.model_dump() for point in self.points]
        return {"points": points, "best": best, "waited": self._waited, "reference": reference}

    def resume(self, state: Mapping[str, Any], best_weights: Mapping[str, torch.Tensor]) -> None:
        """Takes over from the training that was interrupted."""
        self.points = tuple(ValidationPoint.model_validate(point) for point in state["points"])
        self.best = None if state["best"] is None else ValidationPoint.model_validate(state["best"])
        self._waited = int(state["waited"])
        self._reference = math.inf if state["reference"] is None else float(state["reference"])
        self.best_weights = dict(best_weights)


def trainable_weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copies of the trainable parameters by name, on the processor."""
    named = ((name, value) for name, value in model.named_parameters() if value.requires_grad)
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in named}


@torch.no_grad()
def load_weights(model: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Copies `weights` into the parameters of these names."""
    parameters = dict(model.named_parameters())
    for name, value in weights.items():
        parameters[name].copy_(value)
