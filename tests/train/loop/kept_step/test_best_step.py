"""The best step of a training: what it keeps, when it ends the training, and that it goes on where it was stopped."""

import json
from collections.abc import Sequence

import pytest
import torch

from bench.train.loop.kept_step.best_step import BestStep

FIGURES: Sequence[float | None] = (3.0, 2.0, None, 2.0, 1.9)


def model() -> torch.nn.Linear:
    return torch.nn.Linear(1, 1, bias=False)


def note_all(best: BestStep, of: torch.nn.Linear, values: Sequence[float | None], *, first: int = 1) -> list[bool]:
    """Steps whose only weight is their own number; whether each should end the training."""
    verdicts = []
    for step, value in enumerate(values, start=first):
        torch.nn.init.constant_(of.weight, step)
        verdicts.append(best.note(step, value, of))
    return verdicts


@pytest.mark.parametrize(
    ("values", "kept"),
    [((3.0, 1.0, 2.0), 2.0), ((1.0, 1.0, 1.0), 1.0), ((None, 2.0, None), 2.0), ((3.0, 2.0, 2.0 - 1e-9), 3.0)],
    ids=["the lowest", "of equals the first", "never a missing one", "by however little"],
)
def test_the_weights_of_the_best_step_come_back(values: Sequence[float | None], kept: float) -> None:
    best, trained = BestStep(keep=True, patience=None), model()
    assert not any(note_all(best, trained, values))
    assert best.restore(trained) == kept
    assert trained.weight.item() == kept


def test_the_last_weights_stay_where_none_are_kept_or_none_has_a_figure() -> None:
    for best, values in (
        (BestStep(keep=False, patience=None), (1.0, 2.0)),
        (BestStep(keep=True, patience=None), (None,)),
    ):
        trained = model()
        note_all(best, trained, values)
        assert best.restore(trained) is None
        assert trained.weight.item() == len(values)


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ((3.0, 3.0, 3.0), [False, False, True]),
        ((3.0, None, 2.0, None, None), [False, False, False, False, True]),
        ((3.0, 2.95, 2.5, 2.45, 2.41), [False, False, False, False, True]),
    ],
    ids=["equal figures wait", "missing ones wait", "a step below min_delta waits"],
)
def test_patience_is_of_notes_in_a_row_without_a_lower_figure(values: Sequence[float | None], ends: list[bool]) -> None:
    assert note_all(BestStep(keep=False, patience=2, min_delta=0.1), model(), values) == ends


@pytest.mark.parametrize("stopped", range(1, len(FIGURES)))
def test_a_training_that_was_interrupted_goes_on_with_the_same_choice(stopped: int) -> None:
    whole, first = (BestStep(keep=True, patience=3, min_delta=0.2) for _ in range(2))
    verdicts = note_all(whole, model(), FIGURES)
    note_all(first, model(), FIGURES[:stopped])
    again = BestStep(keep=True, patience=3, min_delta=0.2)
    again.resume(json.loads(json.dumps(first.state())), first.best_weights)
    assert note_all(again, model(), FIGURES[stopped:], first=stopped + 1) == verdicts[stopped:]
    assert (again.state(), again.best_weights) == (whole.state(), whole.best_weights)
