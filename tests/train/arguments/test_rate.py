"""Learning-rate schedules: published hyper-parameters must mean what they meant where they were published."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import get_scheduler

from bench.train.arguments.rate import rate_factor, warmup_steps
from tests.fakes.training import make_recipe

STEPS = 40


@pytest.mark.parametrize(
    ("schedule", "keys", "theirs"),
    [
        ("constant", {}, {"name": "constant_with_warmup"}),
        ("constant_with_warmup", {}, {}),
        ("linear", {}, {}),
        ("cosine", {}, {}),
        ("cosine_with_restarts", {"schedule_cycles": 3}, {"num_cycles": 3}),
        ("polynomial", {}, {}),
        ("polynomial", {"schedule_power": 2.0, "min_learning_rate": 1e-3}, {"power": 2.0, "lr_end": 1e-3}),
        ("inverse_sqrt", {}, {}),
        ("warmup_stable_decay", {"schedule_decay": 0.25}, {"num_decay_steps": 10}),
        (
            "warmup_stable_decay",
            {"schedule_decay": 0.25, "min_learning_rate": 1e-3},
            {"num_decay_steps": 10, "min_lr_ratio": 0.1},
        ),
    ],
)
@pytest.mark.parametrize("warmup", [0.0, 0.1, 7.0])
def test_rates_are_those_of_transformers(
    schedule: str, keys: dict[str, Any], theirs: dict[str, Any], warmup: float
) -> None:
    recipe = make_recipe(schedule=schedule, warmup=warmup, **keys)
    if schedule == "warmup_stable_decay" and warmup and recipe.min_learning_rate:
        pytest.skip("theirs begins at the minimum, ours at 0")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=recipe.rate)
    special = {key: value for key, value in theirs.items() if key != "name"}
    factor = get_scheduler(
        theirs.get("name", schedule),
        optimizer,
        num_warmup_steps=warmup_steps(recipe, STEPS),
        num_training_steps=STEPS,
        scheduler_specific_kwargs=special or None,
    ).lr_lambdas[0]
    ours = rate_factor(recipe, STEPS)
    assert [ours(step) for step in range(STEPS + 1)] == pytest.approx([factor(step) for step in range(STEPS + 1)])


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_decay_ends_at_the_minimum_rate(schedule: str) -> None:
    """LIMA's schedule: 1e-5 falling linearly to 1e-6."""
    factor = rate_factor(make_recipe(learning_rate=1e-5, min_learning_rate=1e-6, schedule=schedule), STEPS)
    assert factor(0) == 1.0
    assert 1e-5 * factor(STEPS) == pytest.approx(1e-6)
    assert 1e-5 * factor(STEPS // 2) == pytest.approx(5.5e-6)


def test_warm_up_below_one_is_a_share_and_from_one_a_count() -> None:
    assert warmup_steps(make_recipe(warmup=0.03), 100) == 3
    assert warmup_steps(make_recipe(warmup=0.03), 101) == 4
    assert warmup_steps(make_recipe(warmup=100), 1_000) == 100
