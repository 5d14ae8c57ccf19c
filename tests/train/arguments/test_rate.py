"""Learning-rate schedules: published hyper-parameters must mean what they meant where they were published."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from bench.errors import InputError
from bench.train.arguments.rate import learning_rates, make_scheduler
from tests.fakes.training import make_recipe

STEPS, RATE = 40, 1e-2

Shape = Callable[[float], float]
"""Factor at a share of the way from the end of warm-up to the last step."""

SHAPES: list[tuple[str, dict[str, Any], Shape]] = [
    ("constant", {}, lambda share: 1.0),
    ("constant_with_warmup", {}, lambda share: 1.0),
    ("linear", {}, lambda share: 1 - share),
    ("cosine", {}, lambda share: 0.5 * (1 + math.cos(math.pi * share))),
    (
        "cosine_with_restarts",
        {"schedule_cycles": 3},
        lambda share: 0.5 * (1 + math.cos(math.pi * math.fmod(3 * share, 1))),
    ),
    ("polynomial", {}, lambda share: 1 - share + 1e-5 * share),
    ("polynomial", {"schedule_power": 2.0}, lambda share: (1 - share) ** 2 * (1 - 1e-5) + 1e-5),
]


@pytest.mark.parametrize(("schedule", "keys", "shape"), SHAPES)
@pytest.mark.parametrize("warmup", [0, 7])
def test_rates_follow_the_published_formulas(schedule: str, keys: dict[str, Any], shape: Shape, warmup: int) -> None:
    expected = [
        RATE * (step / warmup if step < warmup else shape((step - warmup) / (STEPS - warmup))) for step in range(STEPS)
    ]
    recipe = make_recipe(learning_rate=RATE, schedule=schedule, warmup=float(warmup), **keys)
    assert learning_rates(recipe, STEPS) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("warmup", [0, 7])
def test_inverse_sqrt_keeps_its_time_scale_in_warm_up(warmup: int) -> None:
    scale = warmup or 10_000
    expected = [
        RATE * (step / warmup if step < warmup else 1 / math.sqrt((step + scale - warmup) / scale))
        for step in range(STEPS)
    ]
    recipe = make_recipe(learning_rate=RATE, schedule="inverse_sqrt", warmup=float(warmup))
    assert learning_rates(recipe, STEPS) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("minimum", [None, 1e-3])
@pytest.mark.parametrize("warmup", [0, 7, 36])
def test_warmup_stable_decay_falls_at_the_end(warmup: int, minimum: float | None) -> None:
    """In the last quarter, whose beginning a long warm-up covers; warm-up begins at 0, whatever the minimum."""
    floor, decay = (minimum or 0.0) / RATE, 10
    start = STEPS - decay

    def factor(step: int) -> float:
        if step < warmup:
            return step / warmup
        if step < start:
            return 1.0
        share = (step - start) / decay
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * share))

    recipe = make_recipe(
        learning_rate=RATE, schedule="warmup_stable_decay", schedule_decay=0.25, min_learning_rate=minimum,
        warmup=float(warmup),
    )  # fmt: skip
    assert learning_rates(recipe, STEPS) == pytest.approx([RATE * factor(step) for step in range(STEPS)], abs=1e-12)


@pytest.mark.parametrize("schedule", ["linear", "cosine", "cosine_with_restarts", "polynomial"])
@pytest.mark.parametrize("warmup", [0, 5])
def test_decay_ends_at_the_minimum_rate(schedule: str, warmup: int) -> None:
    """LIMA's schedule: 1e-5 falling linearly to 1e-6. A warm-up begins at 0 all the same."""
    recipe = make_recipe(learning_rate=1e-5, min_learning_rate=1e-6, schedule=schedule, warmup=float(warmup))
    seen = learning_rates(recipe, 1001)
    assert seen[0] == (0.0 if warmup else 1e-5)
    assert seen[warmup] == max(seen) == pytest.approx(1e-5)
    assert seen[-1] == pytest.approx(1e-6, rel=0.02)
    assert seen[501] == pytest.approx(5.5e-6, rel=0.02)


def test_a_minimum_that_cannot_be_had_is_refused() -> None:
    with pytest.raises(InputError, match="polynomial ends at 1e-07, which is not below the learning rate 1e-09"):
        make_scheduler(make_recipe(learning_rate=1e-9, schedule="polynomial"), STEPS)
    with pytest.raises(InputError, match="polynomial ends at 1e-07, which is not below the learning rate 1e-07"):
        make_scheduler(make_recipe(learning_rate=1e-7, schedule="polynomial"), STEPS)
    layers = {"optimizer": "galore_adamw_layerwise", "optimizer_modules": ["mlp"]}
    with pytest.raises(InputError, match="a schedule for each layer"):
        make_scheduler(make_recipe(schedule="linear", min_learning_rate=1e-4, **layers), STEPS)


def test_warm_up_below_one_is_a_share_and_from_one_a_count() -> None:
    assert make_recipe(warmup=0.03).warmup_steps(100) == 3
    assert make_recipe(warmup=0.03).warmup_steps(101) == 4
    assert make_recipe(warmup=100).warmup_steps(1_000) == 100
    assert make_recipe(warmup=1).warmup_steps(100) == 1, "one step, not all of them"


@pytest.mark.parametrize("schedule", [schedule for schedule, *_ in SHAPES])
def test_a_warm_up_as_long_as_the_training_still_has_a_schedule(schedule: str) -> None:
    """A budget in tokens can be small beside a published warm-up; `polynomial` would divide by the steps after it."""
    recipe = make_recipe(learning_rate=RATE, schedule=schedule, warmup=float(STEPS))
    assert learning_rates(recipe, STEPS) == pytest.approx([RATE * step / STEPS for step in range(STEPS)], abs=1e-12)


def test_a_decay_is_a_share_rounded_up() -> None:
    """A quarter of 41 steps: 11."""
    seen = learning_rates(
        make_recipe(learning_rate=RATE, schedule="warmup_stable_decay", schedule_decay=0.25, warmup=0.0), 41
    )
    assert seen[30] == RATE > seen[31]
