"""A command is told of all that its recipe says, gets no secret, and runs only where the command line allows it."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bench.suite.checks.models.command_files import command_file_problems, program_budget_problems, untrusted_commands
from bench.suite.tables.suite import Suite
from bench.suite.tables.training.command import flat_values
from bench.suite.tables.training.recipe import Recipe

RUN = ("${python}", "train.py", "${rows}", "${out}")
OWN: dict[str, Any] = {"method": "lora", "engine": "command", "command": {"run": RUN, "files": ("train.py",)}}


def told(*words: str, **recipe: Any) -> Recipe:
    return Recipe.model_validate({**OWN, "command": {"run": (*RUN, *words)}, **recipe})


def test_keys_reach_the_command_or_are_refused() -> None:
    assert told("${learning_rate}", "${lora_r}", learning_rate=1e-3, lora={"r": 4}).engine == "command"
    assert told(batch_rows=4, loss_on="assistant", max_length=64).learning_rate is None
    for key, value in (("learning_rate", 1e-3), ("weight_decay", 0.1), ("neftune_alpha", 5.0)):
        with pytest.raises(ValidationError, match=rf"does not get {key}: write \$\{{{key}\}} in run"):
            told(**{key: value})
    with pytest.raises(ValidationError, match=r"does not get lora: write \$\{lora_alpha\}"):
        told("${lora_r}", lora={"r": 4, "alpha": 8})


def test_a_key_reaches_the_command_as_the_suite_has_it() -> None:
    """`16.0` ended programs that read `alpha` as a whole number."""
    values = flat_values({"learning_rate": 2e-5, "lora": {"r": 8, "alpha": 16.0}, "schedule": "cosine", "packed": True})
    expected = {"learning_rate": "2e-05", "lora_r": "8", "lora_alpha": "16", "schedule": "cosine", "packed": "true"}
    assert values == expected


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"command": None}, 'engine = "command" needs command'),
        ({"engine": "trl", "learning_rate": 1e-3}, r'a \[command\] table needs engine = "command"'),
        ({"method": "ia3"}, "writes an adapter"),
        ({"packing": "bfd"}, "packing is not handed to a command"),
        ({"from": "a/b"}, "from is not handed to a command"),
        ({"command": {"run": ("x", "${out}")}}, r"run needs \$\{rows\}"),
        ({"command": {"run": ("x", "${rows}")}}, r"run needs \$\{out\}"),
        ({"command": {"run": (*RUN, "${rank}")}}, r"no placeholder \$\{rank\}"),
        ({"command": {"run": (*RUN, "$1")}}, "write .. for a dollar sign"),
        ({"command": {"run": RUN, "environment": ("HF_TOKEN",)}}, "HF_TOKEN looks like a secret"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        Recipe.model_validate({**OWN, **changes})


@pytest.mark.parametrize("own", [OWN, {"method": "lora", "engine": "unsloth", "learning_rate": 1e-4}])
def test_a_budget_in_seconds_is_not_planned_for_another_program(own: dict[str, Any]) -> None:
    tables: dict[str, Any] = {
        "name": "s", "question": "Which?", "model": {"card": "micro"}, "data": {"d": {"source": "d.jsonl"}},
        "recipe": {"own": own, "ours": {"method": "lora", "learning_rate": 1e-4}},
        "budget": {"unit": "seconds", "amount": 60}, "arms": {"data": ["d"], "recipe": ["own", "ours"]},
    }  # fmt: skip
    (problem,) = program_budget_problems(Suite.model_validate(tables))
    assert problem.where == "recipe.own.engine"
    tables["recipe"]["own"] = {**own, "budget": {"unit": "tokens", "amount": 1000}}
    assert list(program_budget_problems(Suite.model_validate(tables))) == []


def test_a_program_needs_its_files_and_the_command_lines_trust(tmp_path: Path) -> None:
    suite = Suite.model_validate(
        {
            "name": "s",
            "question": "?",
            "model": {"card": "micro"},
            "data": {"few": {"source": "few.jsonl"}},
            "recipe": {"own": OWN, "idle": OWN, "lora": {"method": "lora", "learning_rate": 1e-3}},
            "budget": {"unit": "steps", "amount": 1},
            "arms": {"data": ("few",), "recipe": ("own", "lora")},
        }
    )
    assert [problem.where for problem in command_file_problems(suite, tmp_path)] == [
        "recipe.own.command.files", "recipe.idle.command.files",
    ]  # fmt: skip
    (tmp_path / "train.py").touch()
    assert not list(command_file_problems(suite, tmp_path))
    (problem,) = untrusted_commands(suite)
    assert "${python} train.py ${rows} ${out}" in problem.what
    assert "--trust-training-command" in (problem.hint or "")
