"""Loss curves: what the thick line says must not be an accident of a batch's size."""

import pytest

from bench.record.results.training.ledger import Step
from bench.report.analysis.training.losses.loss_curves import _scored, _smoothed


def step(number: int, loss: float | None, supervised: int) -> Step:
    return Step(
        step=number,
        loss=loss,
        gradient_norm=1.0,
        learning_rate=1e-3,
        tokens=10,
        supervised_tokens=supervised,
        slots=10,
        rows=1,
        seconds=0.1,
    )


def test_a_short_last_batch_does_not_bend_the_curve() -> None:
    """A budget in tokens ends with whatever is left of it: one hard row is no rise of the loss."""
    losses = [3.0] * 9 + [9.0]
    steps = [step(n, loss, 2 if n == 10 else 400) for n, loss in enumerate(losses, 1)]
    assert _smoothed(_scored(steps))[-1] == pytest.approx((3.0 * 400 + 9.0 * 2) / 402)


def test_a_smoothed_point_is_the_mean_per_supervised_token_of_its_neighbours() -> None:
    steps = [step(1, 1.0, 1), step(2, 2.0, 2), step(3, None, 0), step(4, 4.0, 5), step(5, 3.0, 1)]
    seed = _scored(steps)
    assert seed.seen == (10.0, 20.0, 40.0, 50.0)
    assert _smoothed(seed) == pytest.approx((5 / 3, 25 / 8, 27 / 8, 23 / 6))
