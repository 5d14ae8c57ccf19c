"""Budgets in seconds: what a pilot's speed makes of them."""

import pytest

from bench.suite.tables.training.budget import Budget
from bench.train.accounting.budget import planned_budget


@pytest.mark.parametrize(("seconds", "speed", "tokens"), [(10.0, 123.46, 1235), (0.5, 100.0, 50), (0.01, 1.0, 1)])
def test_seconds_are_worth_the_pilots_tokens(seconds: float, speed: float, tokens: int) -> None:
    """Never less than one token: an arm trains one row at least."""
    assert planned_budget(Budget(unit="seconds", amount=seconds), speed) == Budget(unit="tokens", amount=tokens)
