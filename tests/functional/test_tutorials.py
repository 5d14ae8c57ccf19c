"""Each tutorial's recipe at its published hyper-parameters, on a tiny stand-in of the same architecture: it must train,
count what it trains on, and answer the tutorial's questions before and after."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.evals.job import run_eval
from bench.record.eval_job import EvalJob
from bench.record.evaluation import EvalResult, ScoreRow
from bench.record.files import SCORES
from bench.record.store import write_result
from bench.record.train_job import TrainJob
from bench.record.training import TrainResult
from bench.run.plan.plan import plan
from bench.run.plan.types import Plan
from bench.run.resolve.suite import resolve
from bench.suite.load import load_suite
from bench.train.job import run_training
from tests.fakes.checkpoints import Architecture, tiny_checkpoint

ROWS = 24
POSITIONS = 256


def alpaca(number: int) -> dict[str, Any]:
    given = f"{number} cows" if number % 3 == 0 else ""
    return {"instruction": f"Count the cows near town {number}.", "input": given, "output": f"There are {number} cows."}


def chat(number: int) -> dict[str, Any]:
    said = [
        ("user", "Hello!"),
        ("assistant", "Hi there."),
        ("user", f"And {number}?"),
        ("assistant", f"{number} sheep."),
    ]
    return {"messages": [{"role": role, "content": content} for role, content in said]}


def review(number: int) -> dict[str, Any]:
    return {"text": f"The film number {number} is about a baker who lives near the river.", "label": number % 2}


TUTORIALS: dict[str, tuple[Architecture, str, Any]] = {
    "distilgpt2_alpaca": ("gpt2", "alpaca", alpaca),
    "smollm2_chat": ("llama", "chat", chat),
    "gpt2_alpaca_cleaned": ("gpt2", "cleaned", alpaca),
    "dialogpt_lora": ("gpt2", "chat", chat),
    "opt_text": ("opt", "reviews", review),
}


@pytest.fixture(scope="module", params=TUTORIALS)
def tutorial(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Plan, Path]:
    """The published profile with model, rows and length made small; the recipe otherwise as it is."""
    name = str(request.param)
    architecture, data, make = TUTORIALS[name]
    root = tmp_path_factory.mktemp(name)
    tiny_checkpoint(root / "model", architecture, positions=POSITIONS)
    (root / "rows.jsonl").write_text("".join(json.dumps(make(number)) + "\n" for number in range(ROWS)))
    overrides = [
        f"model.path={root / 'model'}",
        f"data.{data}.source={root / 'rows.jsonl'}",
        "eval.1.data.select.size=4",
    ]
    suite = load_suite(f"tutorials/{name}", profile="gpu").suite
    (recipe,) = suite.arms.recipe
    if (suite.recipe[recipe].max_length or POSITIONS) > POSITIONS:
        overrides.append(f"recipe.{recipe}.max_length={POSITIONS}")
    if name == "gpt2_alpaca_cleaned":
        overrides.append(f"data.{data}.select.size=20")
    loaded = load_suite(f"tutorials/{name}", profile="gpu", overrides=overrides)
    home = root / "home"
    return name, plan(resolve(loaded, home=home), home=home), root


@pytest.fixture(scope="module")
def trained(tutorial: tuple[str, Plan, Path]) -> tuple[str, TrainResult, Sequence[tuple[EvalResult, list[ScoreRow]]]]:
    """The training, and its questions as the base and as the trained model answer them."""
    name, planned, root = tutorial
    jobs = [one.job for one in planned.jobs]
    (training,) = [job for job in jobs if isinstance(job, TrainJob)]
    folder = root / "home" / "jobs" / training.digest
    folder.mkdir(parents=True)
    result = run_training(training, folder, lambda _: None)
    write_result(folder, result)
    asked = [job for job in jobs if isinstance(job, EvalJob) and job.eval.kind == "questions"]
    answers = []
    for number, job in enumerate(asked):
        place = root / f"eval{number}"
        place.mkdir()
        scored = run_eval(job, place, lambda _: None)
        answers.append((scored, [ScoreRow.model_validate_json(line) for line in (place / SCORES).open()]))
    return name, result, answers


def test_the_recipe_trains_one_pass_over_its_rows(trained: Any) -> None:
    name, result, _ = trained
    assert not result.diverged
    assert result.tail_loss is not None
    epochs = 3 if name == "opt_text" else 1
    assert result.ledger.epochs == pytest.approx(epochs, abs=0.01)
    assert result.ledger.truncated_rows == 0


def test_what_the_tutorial_learns_is_what_is_supervised(trained: Any) -> None:
    name, result, _ = trained
    share = result.ledger.supervised_tokens / result.ledger.tokens
    if name in {"distilgpt2_alpaca", "gpt2_alpaca_cleaned", "opt_text"}:
        assert share > 0.9
    else:
        assert 0.1 < share < 0.9


def test_answers_before_and_after_are_there_to_compare(trained: Any) -> None:
    _, _, answers = trained
    (before, said_before), (after, said_after) = answers
    assert [row.id for row in said_before] == [row.id for row in said_after]
    assert said_before
    assert all(row.output is not None for row in (*said_before, *said_after))
    assert before.generated_tokens is not None
    assert after.generated_tokens is not None


def test_the_template_is_the_tutorials(trained: Any) -> None:
    name, result, answers = trained
    templates = {"distilgpt2_alpaca": "colon", "gpt2_alpaca_cleaned": "alpaca", "dialogpt_lora": "chatml"}
    if name in templates:
        assert result.template == templates[name]
        assert answers[0][0].template == templates[name]
    if name == "opt_text":
        assert answers[0][0].template == "none"


def test_lora_trains_the_adapter_alone(trained: Any) -> None:
    name, result, _ = trained
    if name == "dialogpt_lora":
        assert 0 < result.trainable_parameters < result.parameters / 2
    else:
        assert result.trainable_parameters == result.parameters


def test_only_the_gpt2_tutorial_scores_a_tenth_of_its_rows_while_training(trained: Any) -> None:
    """Its published 2.4195 is the loss on those rows."""
    name, result, _ = trained
    if name == "gpt2_alpaca_cleaned":
        assert result.ledger.distinct_rows == 18
        assert all(point.loss is not None for point in result.validation)
    assert bool(result.validation) is (name == "gpt2_alpaca_cleaned")
