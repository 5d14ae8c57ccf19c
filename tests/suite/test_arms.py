"""data × recipe × model: a cell that is left out, named wrongly or compared with the wrong control costs a run."""

from typing import Any

import pytest

from bench.errors import Problem
from bench.suite.checks.names.suite_names import name_problems
from bench.suite.tables.suite import Suite


def suite(**changes: Any) -> Suite:
    table: dict[str, Any] = {
        "name": "s",
        "question": "?",
        "models": {"small": {"card": "micro"}, "large": {"card": "gpt2"}},
        "data": {"a": {"source": "a.jsonl"}, "b": {"source": "b.jsonl"}},
        "recipe": {
            "full": {"method": "full", "learning_rate": 1e-3},
            "lora": {"method": "lora", "learning_rate": 1e-3},
        },
        "budget": {"unit": "steps", "amount": 2},
        "arms": {"data": ("a", "b"), "recipe": ("full", "lora")},
        "eval": ({"name": "e", "kind": "lm_eval", "tasks": ("t",)},),
        **changes,
    }
    return Suite.model_validate(table)


def names(made: Suite) -> list[str]:
    return [arm.name for arm in made.expand()]


def problems(made: Suite) -> list[Problem]:
    return list(name_problems(made))


def test_every_cell_is_an_arm_and_every_model_has_a_base() -> None:
    made = suite()
    assert names(made) == [f"{d}/{r}@{m}" for d in "ab" for r in ("full", "lora") for m in ("small", "large")]
    assert made.base_subjects() == ("base@small", "base@large")
    assert problems(made) == []


@pytest.mark.parametrize(
    "changes", [{"models": {}, "model": {"card": "micro"}}, {"models": {"one": {"card": "micro"}}}]
)
def test_one_model_needs_no_name(changes: dict[str, Any]) -> None:
    made = suite(**changes)
    assert names(made) == ["a/full", "a/lora", "b/full", "b/lora"]
    assert made.base_subjects() == ("base",)
    assert list(made.bases()) == [None]


def test_exclude_takes_out_one_model_or_all() -> None:
    arms = {"data": ("a", "b"), "recipe": ("full", "lora")}
    one = suite(arms={**arms, "exclude": ({"data": "a", "recipe": "full", "model": "large"},)})
    assert "a/full@large" not in names(one)
    assert "a/full@small" in names(one)
    assert not [name for name in names(suite(arms={**arms, "exclude": ({"data": "a", "recipe": "full"},)}))
                if name.startswith("a/full")]  # fmt: skip


def test_include_adds_one_model_or_all() -> None:
    arms = {"data": ("a",), "recipe": ("full",)}
    one = suite(arms={**arms, "include": ({"data": "b", "recipe": "lora", "model": "large"},)})
    assert names(one) == ["a/full@small", "a/full@large", "b/lora@large"]
    assert names(suite(arms={"include": ({"data": "b", "recipe": "lora"},)})) == ["b/lora@small", "b/lora@large"]


def test_arms_can_name_some_of_the_models() -> None:
    made = suite(arms={"data": ("a",), "recipe": ("full",), "model": ("large",)})
    assert names(made) == ["a/full@large"]
    assert made.base_subjects() == ("base@large",)


@pytest.mark.parametrize("control", ["b", "b/full", "b/full@small"])
def test_an_arm_is_compared_with_the_control_on_its_own_model(control: str) -> None:
    made = suite(control=control)
    arm = next(arm for arm in made.expand() if arm.name == "a/full@large")
    assert made.control_of(arm) == ("b/full@small" if "@" in control else "b/full@large")
    assert problems(made) == []


def test_claims_name_arms_and_bases_with_their_model() -> None:
    good = suite(claim=({"says": "a/full@large > base@large", "on": "e"},))
    assert problems(good) == []
    (problem,) = problems(suite(claim=({"says": "a/full@large > base", "on": "e"},)))
    assert "base@large" in (problem.hint or "")


@pytest.mark.parametrize(
    ("arms", "where"),
    [
        ({"data": ("a",), "recipe": ("full",), "model": ("lage",)}, "arms.model"),
        ({"include": ({"data": "a", "recipe": "full", "model": "lage"},)}, "arms.include[0].model"),
    ],
)
def test_an_unknown_model_is_told_at_its_key(arms: dict[str, Any], where: str) -> None:
    found = [problem for problem in problems(suite(arms=arms)) if problem.where == where]
    assert [problem.hint for problem in found] == ["did you mean 'large'?"]
