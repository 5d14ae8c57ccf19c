"""`[evaluate_at]`: which steps of a training are evaluated, and what of a suite it must fit."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bench.suite.checks.names.suite_names import name_problems
from bench.suite.tables.suite import Suite
from bench.suite.tables.training.evaluate_at import EvaluateAt, StepPlan
from tests.fakes.suites import suite_table

COMMAND: dict[str, Any] = {
    "engine": "command",
    "command": {"run": ("${python}", "t.py", "${rows}", "${out}", "${learning_rate}"), "files": ("t.py",)},
}


def problems(root: Path, **changes: Any) -> list[str]:
    return [problem.what for problem in name_problems(Suite.model_validate(suite_table(root, **changes)))]


@pytest.mark.parametrize(
    ("plan", "steps", "wanted"),
    [
        (StepPlan(times=4), 10, (3, 5, 8, 10)),
        (StepPlan(times=8), 3, (1, 2, 3)),
        (StepPlan(every=4), 10, (4, 8, 10)),
        (StepPlan(every=5), 10, (5, 10)),
        (StepPlan(every=50), 10, (10,)),
    ],
)
def test_the_last_step_is_always_evaluated_and_none_twice(plan: StepPlan, steps: int, wanted: tuple[int, ...]) -> None:
    assert plan.of(steps) == wanted


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"steps": 4, "every": 10}, "not both"),
        ({"patience": 2}, "patience needs keep"),
        ({"keep": "first"}, 'keep = "best on EVAL"'),
        ({"dev_share": 1.0}, "less than 1"),
        ({"on": "test"}, "dev"),
    ],
)
def test_a_table_that_means_nothing_is_refused(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        EvaluateAt.model_validate({"evals": ("qa",), **table})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"evals": ("qq",)}, "no eval 'qq'"),
        ({"evals": ("qa",), "keep": "best on held"}, "no eval in evaluate_at.evals 'held'"),
        ({"evals": ("qa",), "target": {"eval": "held", "value": 1}}, "no eval in evaluate_at.evals 'held'"),
        ({"evals": ("said",)}, "only shows answers"),
    ],
)
def test_its_evals_are_the_suites_and_have_scores(tmp_path: Path, table: dict[str, Any], said: str) -> None:
    questions = {"kind": "questions", "name": "said", "questions": ("Who?",)}
    evals = (*suite_table(tmp_path)["eval"], questions)
    assert any(said in what for what in problems(tmp_path, eval=evals, evaluate_at=table))
    assert not problems(tmp_path, eval=evals, evaluate_at={"evals": ("qa", "held"), "keep": "best on held"})


def test_a_step_is_chosen_by_one_rule_where_one_process_has_all_weights(tmp_path: Path) -> None:
    asked = {"evals": ("qa",), "keep": "best on qa"}
    full = {"method": "full", "learning_rate": 1e-3}
    for recipe, said in (({"validation": {}}, "both choose"), ({"fsdp": {}}, "no process has all weights")):
        recipes = {"full": {**full, **recipe}, "lora": full}
        assert any(said in what for what in problems(tmp_path, recipe=recipes, evaluate_at=asked))
        assert not problems(tmp_path, recipe=recipes, evaluate_at={"evals": ("qa",)})
    watched = {"full": {**full, "validation": {"keep_best": False}}, "lora": full}
    assert not problems(tmp_path, recipe=watched, evaluate_at=asked)


def test_a_claim_on_what_a_target_takes_needs_the_target(tmp_path: Path) -> None:
    claim = ({"says": "few/full >= few/lora", "on": "cost:tokens_to_target"},)
    asked = {"evals": ("qa",), "target": {"eval": "qa", "value": 0.5}}
    assert not problems(tmp_path, claim=claim, evaluate_at=asked)
    for without in ({}, {"evaluate_at": {"evals": ("qa",)}}):
        assert any("needs a target" in what for what in problems(tmp_path, claim=claim, **without))


@pytest.mark.parametrize(
    ("spec", "value", "scale"),
    [
        ({"kind": "lm_eval", "tasks": ("t",), "metric": "acc"}, 60, "0 to 1"),
        ({"kind": "lm_eval", "tasks": ("t",), "metric": "f1"}, 101, "0 to 100"),
        ({"kind": "choice", "source": "few.jsonl"}, 1.5, "0 to 1"),
        ({"kind": "generation", "data": {"source": "few.jsonl"}, "metrics": ("rouge",)}, 30, "0 to 1"),
        ({"kind": "loss", "data": {"source": "held.jsonl"}}, -0.1, "0 or more"),
    ],
)
def test_a_target_that_no_score_can_be_is_refused(
    tmp_path: Path, spec: dict[str, Any], value: float, scale: str
) -> None:
    """60 was meant as 0.6: a night of training would have ended as `not reached`."""

    def asked(value: float) -> list[str]:
        table = {"evals": ("e",), "target": {"eval": "e", "value": value}}
        return problems(tmp_path, eval=({"name": "e", **spec},), evaluate_at=table)

    (what,) = asked(value)
    assert what == f"no score of 'e' is {value:g}: its scores are {scale}"
    assert asked(0) == asked(0.6) == asked(1) == []


def test_a_program_stores_no_steps_that_could_be_kept_or_reach_a_target(tmp_path: Path) -> None:
    """`keep` was ignored: the arm had its last step beside arms with their best ones."""
    lora = {"method": "lora", "learning_rate": 1e-3}
    recipes = {"full": lora, "lora": {**lora, **COMMAND}}
    target = {"evals": ("qa",), "target": {"eval": "qa", "value": 0.5}}
    claim = ({"says": "few/full >= few/lora", "on": "cost:tokens_to_target"},)
    assert problems(tmp_path, recipe=recipes, evaluate_at=target) == []
    (kept,) = problems(tmp_path, recipe=recipes, evaluate_at={"evals": ("qa",), "keep": "best on qa"})
    assert "it stores none" in kept
    (claimed,) = problems(tmp_path, recipe=recipes, evaluate_at=target, claim=claim)
    assert "'few/lora' stores no steps" in claimed
    (nothing,) = problems(tmp_path, recipe={**recipes, "full": recipes["lora"]}, evaluate_at={"evals": ("qa",)})
    assert "no arm of this suite trains" in nothing


def test_a_suite_that_trains_nothing_has_no_steps(tmp_path: Path) -> None:
    shots = {"few": {"method": "few_shot", "shots": 2}}
    arms = {"data": ("few",), "recipe": ("few",)}
    assert any("no arm of this suite trains" in what for what in problems(
        tmp_path, recipe=shots, arms=arms, evaluate_at={"evals": ("qa",)}
    ))  # fmt: skip
