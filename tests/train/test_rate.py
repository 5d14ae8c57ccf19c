"""Learning-rate schedules: published hyper-parameters must mean what they meant where they were published."""

from __future__ import annotations

import pytest
import torch
from transformers import get_scheduler

from bench.train.rate import rate_factor, warmup_steps
from tests.fakes.training import make_recipe

STEPS = 40


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 7.0])
def test_rates_are_those_of_transformers(schedule: str, warmup: float) -> None:
    recipe = make_recipe(schedule=schedule, warmup=warmup)
    name = "constant_with_warmup" if schedule == "constant" else schedule
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_scheduler(
        name, optimizer, num_warmup_steps=warmup_steps(recipe, STEPS), num_training_steps=STEPS
    ).lr_lambdas[0]
    ours = rate_factor(recipe, STEPS)
    assert [ours(step) for step in range(STEPS + 1)] == pytest.approx([theirs(step) for step in range(STEPS + 1)])


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
