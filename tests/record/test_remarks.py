"""A setting that does what nobody wants is said before the run, not found in its numbers."""

from __future__ import annotations

from typing import Any

import pytest

from bench.record.remarks import TrainingCounts, answer_remark, dose_spread, training_remarks
from bench.suite.tables.training.recipe import Recipe

COUNTS = TrainingCounts(available_rows=100, steps=20, tokens=600, slots=1000)


def names(recipe: dict[str, Any], **counts: int) -> list[str]:
    made = Recipe(**{"method": "full", "learning_rate": 1e-4, **recipe})
    fields = {name: getattr(COUNTS, name) for name in ("available_rows", "steps", "tokens", "slots")}
    return [remark.name for remark in training_remarks(made, TrainingCounts(**{**fields, **counts}))]


@pytest.mark.parametrize(
    ("recipe", "counts", "name"),
    [
        ({"learning_rate": 1000}, {}, "learning rate"),
        ({"learning_rate": {"sweep": [1e-4, 10]}}, {}, "learning rate"),
        ({}, {"steps": 1}, "one step"),
        ({"warmup": 20}, {}, "warm-up"),
        ({"warmup": 0.99}, {}, "warm-up"),
        ({"batch_rows": 101}, {}, "batch above data"),
        ({}, {"tokens": 499}, "padding"),
    ],
)
def test_each_is_said(recipe: dict[str, Any], counts: dict[str, int], name: str) -> None:
    assert names(recipe, **counts) == [name]


@pytest.mark.parametrize(
    ("recipe", "counts"),
    [
        ({}, {}),
        ({"learning_rate": 0.3, "method": "prompt"}, {}),
        ({"warmup": 19}, {}),
        ({"warmup": 0.1}, {"steps": 2}),
        ({"batch_rows": 100}, {}),
        ({"batch_rows": 101, "packing": "bfd"}, {}),
        ({}, {"tokens": 500}),
        ({}, {"steps": 0, "tokens": 0, "slots": 0}),
    ],
)
def test_what_is_usual_is_not(recipe: dict[str, Any], counts: dict[str, int]) -> None:
    assert names(recipe, **counts) == []


def test_answers_that_leave_no_room_for_a_prompt() -> None:
    remark = answer_remark(256, 256)
    assert remark is not None
    assert remark.what == "max_new_tokens = 256 leaves no room for a prompt in the model's 256 positions"
    assert answer_remark(255, 256) is None


@pytest.mark.parametrize(
    ("doses", "unequal", "sentence"),
    [
        ([8, 31], True, "steps 8 to 31 (×3.9)"),
        ([100, 119], False, "steps 100 to 119 (×1.2)"),
        ([100, 120], True, "steps 100 to 120 (×1.2)"),
        ([0, 5], True, "steps 0 to 5"),
        ([0, 0], False, "steps 0 to 0"),
    ],
)
def test_doses_apart(doses: list[float], unequal: bool, sentence: str) -> None:
    spread = dose_spread("steps", doses)
    assert (spread.unequal, spread.sentence) == (unequal, sentence)
