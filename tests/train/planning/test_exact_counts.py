"""Arms that share a schedule share its count; nothing that changes a count may be left out of what decides it."""

from pathlib import Path
from typing import Any

import pytest

import bench.train.planning.exact_counts
from bench.suite.catalog.template import load_template
from bench.train.planning.exact_counts import TrainingCounter, count_training, training_facts
from bench.train.training_data import NOT_IN_SCHEDULE, TrainingData
from tests.train.small_jobs import job_in

OTHER_VALUES: dict[str, Any] = {
    "learning_rate": 0.3, "min_learning_rate": 1e-5, "schedule": "linear", "schedule_cycles": 3, "schedule_power": 2.0,
    "schedule_decay": 0.5, "warmup": 4, "optimizer": "adafactor", "optimizer_arguments": {"eps": 1e-6},
    "optimizer_modules": ("attn",), "weight_decay": 0.1, "weight_decay_on": "all", "betas": (0.5, 0.6),
    "max_grad_norm": 0.0, "loss": "dft",
    "loss_average": "batches", "neftune_alpha": 5.0, "precision": "bf16", "gradient_checkpointing": True,
    "torch_compile": True, "budget": {"unit": "steps", "amount": 3},
}  # fmt: skip
"""Another value of each key that changes no count; the budget that counts is the job's own."""


def test_keys_that_are_said_to_change_no_count_change_none(world: Path) -> None:
    assert set(OTHER_VALUES) == NOT_IN_SCHEDULE
    job = job_in(world, recipe={"packing": "bfd", "accumulation": 2})
    expected = count_training(job)
    for key, value in OTHER_VALUES.items():
        recipe = job.recipe.model_copy(update={key: value})
        assert count_training(job.model_copy(update={"recipe": recipe})) == expected, key


@pytest.mark.parametrize("unit", ["tokens", "flops"])
def test_a_counter_of_many_arms_counts_as_one_of_each(world: Path, unit: str) -> None:
    recipes: list[dict[str, Any]] = [
        {}, {"learning_rate": 0.5}, {"batch_rows": 2}, {"batch_tokens": 90}, {"accumulation": 3}, {"packing": "bfd"},
        {"packing": "wrapped", "max_length": 32}, {"max_length": 12}, {"loss_on": "all"}, {"end_token": False},
        {"validation": {"share": 0.2}}, {"group_by_length": True}, {"method": "lora"},
        {"method": "lora", "lora": {"r": 2}}, {"method": "prompt", "prompt": {"virtual_tokens": 4}},
        {"launch": {"processes": 2}, "accumulation": 2},
    ]  # fmt: skip
    budget = {"unit": unit, "amount": 1_200 if unit == "tokens" else 5e8}
    jobs = [job_in(world, recipe=recipe, budget=budget) for recipe in recipes]
    jobs += [job_in(world, budget={**budget, "amount": budget["amount"] / 2}), job_in(world, seed=5, budget=budget)]
    chatml = load_template("chatml").sha256
    other = jobs[0].model.model_copy(update={"template": "chatml", "template_sha256": chatml})
    jobs.append(jobs[0].model_copy(update={"model": other}))
    counter = TrainingCounter()
    assert [counter.count(job) for job in jobs] == [count_training(job) for job in jobs]


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[TrainingData]:
    """Each schedule that was built."""
    build, built = bench.train.planning.exact_counts.build_training_data, list[TrainingData]()

    def building(*arguments: Any, **named: Any) -> Any:
        built.append(build(*arguments, **named))
        return built[-1]

    monkeypatch.setattr(bench.train.planning.exact_counts, "build_training_data", building)
    return built


def test_rates_cost_no_second_count(world: Path, built: list[TrainingData]) -> None:
    counter = TrainingCounter()
    for rate in (1e-4, 2e-4, 3e-4):
        counter.count(job_in(world, recipe={"learning_rate": rate}))
        counter.count(job_in(world, recipe={"method": "lora", "learning_rate": rate}))
    assert len(built) == 1


def test_facts_have_the_counts_of_a_plan_from_one_schedule(world: Path, built: list[TrainingData]) -> None:
    job = job_in(world, recipe={"method": "lora", "packing": "bfd"})
    facts = training_facts(job)
    assert len(built) == 1
    counts = count_training(job).exact
    assert facts.model_dump(include=set(counts)) == counts


def test_tables_of_one_base_are_counted_with_one_tokenizer(world: Path, built: list[TrainingData]) -> None:
    counter, jobs = TrainingCounter(), [job_in(world, seed=seed) for seed in range(3)]
    for job in jobs:
        counter.count(job)
    assert len(built) == 3
    assert len({id(data.tokenizer) for data in built}) == 1
