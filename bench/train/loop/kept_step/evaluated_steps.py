"""Steps of a training after which its weights are stored for evaluation, and the choice of the step that is kept.

Contract: a stored step is a subject like the finished one, in `steps/STEP/weights` of the training's folder. Storing
and scoring change neither weights nor random numbers of the training.
"""

import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.record.files import STEPS, WEIGHTS, stored_steps
from bench.record.results.training.result import DevPoint
from bench.train.loop.kept_step.best_step import BestStep
from bench.train.processes.ranks import Ranks

ScoreStep = Callable[[Path], tuple[float | None, bool]]
"""Score of the step that is stored in a folder, and whether more is better."""


@dataclass(slots=True, kw_only=True)
class EvaluatedSteps:
    """Stores the steps of one training; `score` and `best` choose among them."""

    folder: Path
    """The training's."""
    due: frozenset[int]
    save: Callable[[Path], None]
    """Writes the weights as they are into a folder. Called by all ranks; the main process writes."""
    ranks: Ranks
    score: ScoreStep | None = None
    """Called by the main process alone."""
    best: BestStep | None = None
    """The best of the scores, those of which more is better with their sign turned; `None`, on all ranks: nothing is
    chosen."""
    points: tuple[DevPoint, ...] = ()
    last: int = 0
    """The step that was stored last."""

    @property
    def stored(self) -> tuple[int, ...]:
        """Steps that are stored, ascending."""
        return tuple(step for step, _ in stored_steps(self.folder))

    def forget(self) -> None:
        """Removes what an earlier attempt stored, where the training begins anew."""
        if self.ranks.is_main_process:
            shutil.rmtree(self.folder / STEPS, ignore_errors=True)

    def take(self, step: int, model: torch.nn.Module) -> bool:
        """Stores the step, and scores it where a step is chosen; whether the training should stop."""
        place, self.last = self.folder / STEPS / str(step), step
        aside = place.with_name(f".{step}")
        if self.ranks.is_main_process:
            for old in (place, aside):
                shutil.rmtree(old, ignore_errors=True)
        with random_numbers_kept():
            self.save(aside / WEIGHTS)
            if self.ranks.is_main_process:
                aside.rename(place)  # whole for whoever scores the steps meanwhile
            if self.best is None:
                return False
            stop = False
            if self.ranks.is_main_process:
                assert self.score is not None, "the main process of a training that keeps the best step has one"
                stop = self._note(step, self.score(place), model)
        return self.ranks.all_reduce_sum(float(stop)) > 0

    def state(self) -> dict[str, object]:
        """JSON value from which `resume` goes on, beside the best weights."""
        best = None if self.best is None else self.best.state()
        return {"points": [point.model_dump() for point in self.points], "best": best, "last": self.last}

    def resume(self, state: Mapping[str, Any], best_weights: Mapping[str, torch.Tensor]) -> None:
        """Takes over from the training that was interrupted."""
        self.points = tuple(DevPoint.model_validate(point) for point in state["points"])
        self.last = int(state["last"])
        if self.best is not None:
            self.best.resume(state["best"], best_weights)

    def _note(self, step: int, scored: tuple[float | None, bool], model: torch.nn.Module) -> bool:
        score, higher_is_better = scored
        self.points = (*self.points, DevPoint(step=step, score=score))
        assert self.best is not None, "the caller looked"
        return self.best.note(step, -score if score is not None and higher_is_better else score, model)


@contextmanager
def random_numbers_kept() -> Iterator[None]:
    """Restores the random state of Python, numpy and torch at the end."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if torch.cuda.is_available() else []):
        yield
    random.setstate(python)
    np.random.set_state(numpy)
