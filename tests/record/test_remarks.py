"""A setting that does what nobody wants is said before the run, not found in its numbers."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from bench.record.remarks import TrainingCounts, answer_remarks, dose_spread, training_remarks
from bench.suite.tables.evals.eval_spec import EvalSpec
from bench.suite.tables.training.recipe import Recipe

COUNTS = TrainingCounts(
    available_rows=100, rows=200, steps=20, tokens=600, slots=1000, parameters=1000, trainable_parameters=1
)


def names(recipe: dict[str, Any], **counts: int) -> list[str]:
    made = Recipe(**{"method": "full", "learning_rate": 1e-4, **recipe})
    return [remark.name for remark in training_remarks(made, replace(COUNTS, **counts))]


@pytest.mark.parametrize(
    ("recipe", "counts", "name"),
    [
        ({"learning_rate": 1000}, {}, "learning rate"),
        ({"learning_rate": {"sweep": [1e-4, 10]}}, {}, "learning rate"),
        ({"learning_rate": 1e-9}, {}, "learning rate"),
        ({}, {"rows": 2001}, "many epochs"),
        ({}, {"steps": 1}, "one step"),
        ({"warmup": 20}, {}, "warm-up"),
        ({"warmup": 0.99}, {}, "warm-up"),
        ({"batch_rows": 101}, {}, "batch above data"),
        ({"batch_rows": 20, "accumulation": 6}, {}, "batch above data"),
        ({}, {"tokens": 499}, "padding"),
        ({"method": "lora", "lora": {"r": 8, "alpha": 1e6}}, {}, "unusual strength"),
        ({"method": "rslora", "lora": {"r": 64, "alpha": 1000}}, {}, "unusual strength"),
        ({"method": "lora", "lora": {"r": 8, "alpha": 1e-6}}, {}, "unusual strength"),
        ({"method": "lora", "lora": {"r": 8, "alpha": {"sweep": [16, 1e6]}}}, {}, "unusual strength"),
        ({"method": "lora", "lora": {"dropout": 0.99}}, {}, "unusual strength"),
        ({"method": "peft", "peft": {"type": "LORA", "r": 8, "lora_alpha": 1e6}}, {}, "unusual strength"),
        ({"method": "peft", "peft": {"type": "LOHA", "alpha": 1e6}}, {}, "unusual strength"),
        ({"method": "peft", "peft": {"type": "LORA", "lora_dropout": 0.9}}, {}, "unusual strength"),
        ({"method": "lora", "lora": {}}, {"trainable_parameters": 501}, "unusual strength"),
        ({"weight_decay": 50}, {}, "unusual strength"),
        ({"max_grad_norm": 1e-7}, {}, "unusual strength"),
        ({"neftune_alpha": 500}, {}, "unusual strength"),
    ],
)
def test_each_is_said(recipe: dict[str, Any], counts: dict[str, int], name: str) -> None:
    assert names(recipe, **counts) == [name]


@pytest.mark.parametrize(
    ("recipe", "counts"),
    [
        ({}, {}),
        ({"learning_rate": 0.3, "method": "prompt"}, {}),
        ({"learning_rate": 1e-7}, {}),
        ({}, {"rows": 2000}),
        ({"warmup": 19}, {}),
        ({"warmup": 0.1}, {"steps": 2}),
        ({"batch_rows": 100}, {}),
        ({"batch_rows": 20, "accumulation": 5}, {}),
        ({"batch_rows": 101, "packing": "bfd"}, {}),
        ({}, {"tokens": 500}),
        ({"method": "lora", "lora": {"r": 64, "alpha": 16, "dropout": 0.5}}, {"trainable_parameters": 500}),
        ({"method": "rslora", "lora": {"r": 64, "alpha": 256}}, {}),
        ({"method": "peft", "peft": {"type": "LORA", "r": 64, "lora_alpha": 256, "use_rslora": True}}, {}),
        ({"method": "peft", "peft": {"type": "OFT", "oft_block_size": 4}}, {}),
        ({}, {"trainable_parameters": 1000}),
        ({"weight_decay": 0.3, "max_grad_norm": 0, "neftune_alpha": 15}, {}),
        ({}, {"steps": 0, "tokens": 0, "slots": 0}),
    ],
)
def test_what_is_usual_is_not(recipe: dict[str, Any], counts: dict[str, int]) -> None:
    assert names(recipe, **counts) == []


ROWS = {"name": "e", "data": {"source": "x.jsonl"}}


@pytest.mark.parametrize(
    ("key", "spec"),
    [
        ("decoding.max_new_tokens", {"kind": "generation", **ROWS, "decoding": {"max_new_tokens": 256}}),
        ("decoding.max_new_tokens", {"kind": "questions", **ROWS, "decoding": {"max_new_tokens": 256}}),
        ("max_new_tokens", {"kind": "lm_eval", "name": "e", "tasks": ("t",), "max_new_tokens": 256}),
        ("max_new_tokens", {"kind": "choice", "name": "e", "source": "x.csv", "choices": (), "max_new_tokens": 256}),
    ],
)
def test_answers_that_leave_no_room_for_a_prompt(key: str, spec: dict[str, Any]) -> None:
    parsed: EvalSpec = TypeAdapter(EvalSpec).validate_python(spec)
    [remark] = answer_remarks(parsed, 256, None)
    assert (remark.key, remark.what) == (
        key, "max_new_tokens = 256 leaves no room for a prompt in the model's 256 positions",
    )  # fmt: skip
    assert list(answer_remarks(parsed, 257, None)) == []


def test_an_answer_as_long_as_its_task_file_asks_is_remarked_unless_the_eval_says_otherwise() -> None:
    fields = {"kind": "lm_eval", "name": "e", "tasks": ("t",)}
    bare: EvalSpec = TypeAdapter(EvalSpec).validate_python(fields)
    [remark] = answer_remarks(bare, 256, 4000)
    assert (remark.key, remark.what) == (
        "tasks", "max_gen_toks of its task file = 4,000 leaves no room for a prompt in the model's 256 positions",
    )  # fmt: skip
    shorter: EvalSpec = TypeAdapter(EvalSpec).validate_python({**fields, "max_new_tokens": 64})
    assert list(answer_remarks(shorter, 256, 4000)) == []


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "loss", **ROWS},
        {"kind": "lm_eval", "name": "e", "tasks": ("t",)},
        {"kind": "choice", "name": "e", "source": "x.csv"},
    ],
)
def test_evals_without_a_length_of_answers_have_no_such_remark(spec: dict[str, Any]) -> None:
    assert list(answer_remarks(TypeAdapter(EvalSpec).validate_python(spec), 8, None)) == []


@pytest.mark.parametrize(
    ("doses", "unequal", "sentence"),
    [
        ([8, 31], True, "steps 8 to 31 (×3.9)"),
        ([2, 198.9], True, "steps 2 to 199 (×99)"),
        ([2, 199.9], True, "steps 2 to 200 (×100)"),
        ([3, 6_180], True, "steps 3 to 6,180 (×2,060)"),
        ([100, 119], False, "steps 100 to 119 (×1.2)"),
        ([100, 120], True, "steps 100 to 120 (×1.2)"),
        ([0, 5], True, "steps 0 to 5"),
        ([0, 0], False, "steps 0 to 0"),
    ],
)
def test_doses_apart(doses: list[float], unequal: bool, sentence: str) -> None:
    spread = dose_spread("steps", doses)
    assert (spread.unequal, spread.sentence) == (unequal, sentence)
