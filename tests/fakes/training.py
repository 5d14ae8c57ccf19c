"""Small made-up rows, a renderer by hand, and training jobs on them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerBase

from bench.data.render.row import Row, Turn
from bench.emit import Event, StepDone
from bench.model.loading.load import load_base, load_config, load_tokenizer
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.ledger import Step
from bench.record.results.training.result import TrainResult
from bench.suite.resolved import ResolvedData, ResolvedModel
from bench.suite.tables.training.budget import Budget
from bench.suite.tables.training.recipe import Recipe
from bench.train.accounting.meter import Meter
from bench.train.arguments.adapters import peft_config
from bench.train.arguments.rate import make_scheduler
from bench.train.arguments.sft_config import sft_config
from bench.train.batches.schedule import Schedule, plan_schedule
from bench.train.isolation import row_separation
from bench.train.job import run_training
from bench.train.loop.loss.router import router_loss
from bench.train.loop.trainer import MeteredTrainer
from bench.train.loop.trainer_plan import TrainerPlan

_WORDS = ("the", "baker", "lives", "in", "a", "small", "town", "near", "river", "and", "three", "cows", "two", "sheep")


@dataclass(frozen=True)
class PlainRendered:
    """A rendered row."""

    input_ids: list[int]
    labels_mask: list[bool]
    truncated: bool


@dataclass(frozen=True)
class PlainRenderer:
    """`User: …`, then the supervised answer and the end-of-sequence token; cut at `max_length`."""

    tokenizer: PreTrainedTokenizerBase
    max_length: int

    def row(self, row: Row) -> PlainRendered:
        *prompt_turns, answer = row.turns
        prompt = self.tokenizer.encode(f"User: {prompt_turns[0].content}\nAssistant:", add_special_tokens=False)
        completion = self.tokenizer.encode(f" {answer.content}", add_special_tokens=False)
        ids = [*prompt, *completion, self.tokenizer.eos_token_id]
        mask = [False] * len(prompt) + [True] * (len(completion) + 1)
        return PlainRendered(ids[: self.max_length], mask[: self.max_length], len(ids) > self.max_length)


def make_rows(count: int, *, seed: int = 0, words: tuple[int, int] = (2, 14)) -> list[Row]:
    """Rows of random words, with answers about half as long as their questions."""
    draw = np.random.default_rng(seed)

    def text(low: int, high: int) -> str:
        return " ".join(draw.choice(_WORDS, size=int(draw.integers(low, high + 1))))

    return [
        Row(
            turns=(
                Turn(role="user", content=text(*words)),
                Turn(role="assistant", content=text(max(1, words[0] // 2), max(1, words[1] // 2))),
            ),
            origin=f"fake:{number}",
        )
        for number in range(count)
    ]


def resolved_model(folder: Path, **changes: Any) -> ResolvedModel:
    """A checkpoint folder as the run resolves it."""
    fields: dict[str, Any] = {
        "name": folder.name, "source": f"path:{folder.name}", "revision": None, "path": str(folder),
        "sha256": "0" * 64, "context_length": 256, "parameters": None, "template": "dialogue",
        "template_sha256": None, "end_of_turn": None, "lora_target_modules": "all-linear", "simulation": None,
    }  # fmt: skip
    return ResolvedModel(**{**fields, **changes})


WORLD_ROWS = make_rows(40)


def stored_data(folder: Path, rows: list[Row], name: str = "fake") -> ResolvedData:
    """`rows` as a stored selection in `folder`."""
    path = folder / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(row.model_dump_json() + "\n" for row in rows))
    return ResolvedData(
        name=name, source="fake", revision=None, rows=len(rows), source_rows=len(rows), dropped={},
        sha256="0" * 64, path=str(path),
    )  # fmt: skip


def make_recipe(**changes: Any) -> Recipe:
    """Full fine-tuning in batches of four rows."""
    rows = {} if "batch_tokens" in changes else {"batch_rows": 4}
    return Recipe(**{"method": "full", "learning_rate": 1e-2, **rows, **changes}).with_defaults("all-linear")


def make_job(
    model: ResolvedModel, data: ResolvedData, *, recipe: Recipe, budget: Mapping[str, Any], **changes: Any
) -> TrainJob:
    """A training job of the arm `fake/recipe` with seed 0."""
    fields: dict[str, Any] = {
        "arm": "fake/recipe", "seed": 0, "model": model, "data": data, "recipe": recipe,
        "budget": Budget(**budget), "threads": 1, "digest": "f" * 64,
    }  # fmt: skip
    return TrainJob(**{**fields, **changes})


def make_trainer(
    checkpoint: Path,
    folder: Path,
    *,
    rows: Sequence[Row],
    recipe: Recipe,
    budget: Mapping[str, Any],
    max_length: int = 128,
    seed: int = 0,
    meter: Meter | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
) -> tuple[MeteredTrainer, Schedule]:
    """A trainer on the processor and its schedule, with the plain renderer."""
    model = resolved_model(checkpoint)
    tokenizer = load_tokenizer(model)
    renderer = PlainRenderer(tokenizer, max_length)
    schedule = plan_schedule(rows, renderer, recipe, Budget(**budget), max_length=max_length, seed=seed)
    cpu = torch.device("cpu")
    trainer = MeteredTrainer(
        model=load_base(model, precision="fp32", device=cpu),
        tokenizer=tokenizer,
        arguments=sft_config(recipe, steps=schedule.steps, seed=seed, precision="fp32", device=cpu, folder=folder),
        adapter=peft_config(recipe, model),
        plan=TrainerPlan(
            schedule=schedule,
            separation=row_separation(model) if recipe.packed else None,
            make_scheduler=make_scheduler(recipe, schedule.steps),
            router=router_loss(load_config(model)),
            loss_average=recipe.loss_average,
            weight_decay_on=recipe.weight_decay_on,
        ),
        meter=meter or Meter(),
        on_step=on_step,
    )
    return trainer, schedule


def interrupt(job: TrainJob, folder: Path, *, after: int, **options: Any) -> None:
    """Run the job until the step `after`, and stop it there as Ctrl-C does."""

    def stop(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_training(job, folder, stop, **options)


def train(job: TrainJob, folder: Path) -> TrainResult:
    """Run the job, watching nothing."""
    return run_training(job, folder, lambda event: None)


def train_unchecked(job: TrainJob, folder: Path) -> TrainResult:
    """The same, for a test of something else than what becomes of the weights: the check loads the base twice."""
    return run_training(job, folder, lambda event: None, checked=False)
