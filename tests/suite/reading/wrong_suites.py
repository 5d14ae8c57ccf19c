"""A valid suite, changed in one place, and the problems of it."""

from typing import Any

import pytest
from pydantic import ValidationError

from bench.errors import Problem
from bench.suite.reading.pydantic_errors import explain, freeze
from bench.suite.tables.suite import Suite


def valid() -> dict[str, Any]:
    return {
        "name": "s",
        "question": "?",
        "model": {"card": "c"},
        "data": {"d": {"source": "x.jsonl"}},
        "recipe": {"full": {"method": "full", "learning_rate": 1e-3}},
        "budget": {"unit": "steps", "amount": 2},
        "arms": {"data": ["d"], "recipe": ["full"]},
        "eval": [
            {"name": "e", "kind": "lm_eval", "tasks": ["t"]},
            {"name": "h", "kind": "loss", "data": {"source": "y"}},
        ],
        "claim": [{"says": "d/full >= base", "on": "e"}],
    }


def problems(raw: dict[str, Any]) -> list[Problem]:
    frozen = freeze(raw)
    with pytest.raises(ValidationError) as caught:
        Suite.model_validate(frozen, strict=True)
    return explain(caught.value, frozen, Suite, kind="suite")
