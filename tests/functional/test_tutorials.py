"""Each tutorial's default arm against the published procedure, rebuilt here: labels, batches, losses, rates, scalars.

What a user would lose: figures that cannot be compared with the text they come from. The base is a tiny one of the same
architecture without dropout; rows have the published shape. The order of an epoch is published nowhere, so the rebuilt
loop takes the order of the schedule.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from bench.evals.job import run_eval
from bench.record.files import SCORES
from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import TrainJob
from bench.record.results.evals.evaluation import ScoreRow
from bench.record.results.training.result import TrainResult
from bench.record.store import write_result
from bench.run.plan.plan import plan
from bench.run.resolve.suite import resolve
from bench.suite.load import load_suite
from bench.train.batches.encoded_row import Batch
from bench.train.job import run_training
from bench.train.training_data import build_training_data
from tests.fakes.checkpoints import tiny_checkpoint
from tests.functional.published_tutorials import IGNORED, PUBLISHED, ROWS, Example, Published, alpaca, chat

POSITIONS = 256


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A tutorial's default arm, trained by the product."""

    name: str
    published: Published
    job: TrainJob
    batches: Sequence[Batch]
    result: TrainResult
    evals: Sequence[EvalJob]
    root: Path

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [self.published.row(number) for number in range(self.published.rows)]

    @property
    def tokenizer(self) -> Any:
        tokenizer = AutoTokenizer.from_pretrained(self.root / "model")
        tokenizer.pad_token = tokenizer.eos_token
        return tokenizer


@pytest.fixture(scope="module", params=PUBLISHED)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The suite as it runs by default, with model and rows put in; the recipe as it is."""
    name = str(request.param)
    published = PUBLISHED[name]
    root = tmp_path_factory.mktemp(name)
    tiny_checkpoint(root / "model", published.architecture, positions=POSITIONS)
    rows = root / "rows.jsonl"
    rows.write_text("".join(json.dumps(published.row(number)) + "\n" for number in range(published.rows)))
    others = {"dialogpt_lora": "chat", "opt_text": "instructions"}
    overrides = [f"model.path={root / 'model'}", f"data.{published.data}.source={rows}", *published.overrides]
    if name in others:  # its other arm's rows, which are not trained on here
        other = root / "others.jsonl"
        make = chat if name == "dialogpt_lora" else alpaca
        other.write_text("".join(json.dumps(make(number)) + "\n" for number in range(1000, 1024)))
        overrides += [f"data.{others[name]}.source={other}", f"eval.{'12'[name == 'opt_text']}.data.select.size=4"]
        overrides += [
            f"recipe.{recipe}.max_length=256" for recipe in (("lora_chat",), ("responses", "lora"))[name == "opt_text"]
        ]
    home = root / "home"
    planned = plan(resolve(load_suite(f"tutorials/{name}", overrides=overrides), home=home), home=home)
    jobs = [entry.job for entry in planned.jobs]
    arm = f"{published.data}/{published.recipe}"
    (job,) = [job for job in jobs if isinstance(job, TrainJob) and job.id.startswith(f"train:{arm}#")]
    job = job.model_copy(update={"track": ("tensorboard",)})
    folder = home / "jobs" / job.digest
    folder.mkdir(parents=True)
    result = run_training(job, folder, lambda _: None)
    write_result(folder, result)
    asked = [job for job in jobs if isinstance(job, EvalJob) and job.eval.kind == "questions"]
    mine = [each for each in asked if each.training is None or each.training == job.digest]
    batches = build_training_data(job, budget=job.budget).schedule.batches
    return Trained(name=name, published=published, job=job, batches=batches, result=result, evals=mine, root=root)


def steps_of(trained: Trained) -> Iterator[list[list[int]]]:
    """For each optimiser step its batches, as row numbers."""
    size = trained.published.accumulation
    batches = [[example.rows[0] for sequence in batch for example in sequence] for batch in trained.batches]
    for start in range(0, len(batches), size):
        yield batches[start : start + size]


def tensors(examples: Sequence[Example], pad: int) -> dict[str, torch.Tensor]:
    width = max(len(ids) for ids, _ in examples)
    return {
        "input_ids": torch.tensor([ids + [pad] * (width - len(ids)) for ids, _ in examples]),
        "labels": torch.tensor([labels + [IGNORED] * (width - len(labels)) for _, labels in examples]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in examples]),
    }


def losses_of(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Negative log-likelihood of each supervised token of a batch."""
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).float(), batch["labels"][:, 1:].flatten(), ignore_index=IGNORED, reduction="none"
    )[batch["labels"][:, 1:].flatten() != IGNORED]


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What the rebuilt loop logged."""

    losses: list[float]
    norms: list[float]
    rates: list[float]
    batch_means: list[float]
    evaluation: float | None


@pytest.fixture(scope="module")
def rebuilt(trained: Trained) -> Rebuilt:
    """The published loop in a few lines of torch."""
    published, tokenizer = trained.published, trained.tokenizer
    examples = [published.example(tokenizer, row) for row in trained.rows]
    model = AutoModelForCausalLM.from_pretrained(trained.root / "model", dtype=torch.float32)
    if published.lora:
        torch.manual_seed(trained.job.seed)
        config = LoraConfig(
            r=16, lora_alpha=32, lora_dropout=0.0, target_modules=["c_attn", "c_proj"], task_type="CAUSAL_LM"
        )
        model = get_peft_model(model, config)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1.0, weight_decay=published.decay)
    steps = list(steps_of(trained))
    log = Rebuilt(losses=[], norms=[], rates=[], batch_means=[], evaluation=None)
    model.train()
    for number, step in enumerate(steps):
        rate = published.rate(number, len(steps))
        for group in optimizer.param_groups:
            group["lr"] = rate
        batches = [tensors([examples[row] for row in rows], tokenizer.eos_token_id) for rows in step]
        tokens = sum(int((batch["labels"][:, 1:] != IGNORED).sum()) for batch in batches)
        total = 0.0
        for batch in batches:
            losses = losses_of(model, batch)
            loss = losses.mean() / len(batches) if published.batch_means else losses.sum() / tokens
            loss.backward()
            total += float(loss.detach())
            log.batch_means.append(float(losses.mean().detach()))
        log.norms.append(float(torch.nn.utils.clip_grad_norm_(parameters, 1.0)))
        log.losses.append(total)
        log.rates.append(rate)
        optimizer.step()
        optimizer.zero_grad()
    if not published.held:
        return log
    model.eval()
    held = examples[ROWS - published.held : ROWS]
    with torch.no_grad():
        means = [
            float(losses_of(model, tensors(held[start : start + 4], tokenizer.eos_token_id)).mean())
            for start in range(0, len(held), 4)
        ]
    return Rebuilt(**{**log.__dict__, "evaluation": sum(means) / len(means)})


def test_ids_and_labels_are_the_published_ones(trained: Trained) -> None:
    published, tokenizer = trained.published, trained.tokenizer
    seen = 0
    for batch in trained.batches:
        for (example,) in batch:
            ids, labels = published.example(tokenizer, trained.rows[example.rows[0]])
            length = len(example.ids)
            assert example.ids.tolist() == ids[:length]
            assert example.labels.tolist()[1:] == labels[1:length]
            assert all(label == IGNORED for label in labels[length:]), "only padding is left"
            seen += 1
    rows = min(published.rows, ROWS) - published.held
    assert seen == rows * published.epochs


def test_batches_and_steps_are_the_published_ones(trained: Trained) -> None:
    published = trained.published
    rows = min(published.rows, ROWS) - published.held
    steps = list(steps_of(trained))
    for epoch in range(published.epochs):
        taken = [row for step in steps for batch in step for row in batch][epoch * rows : (epoch + 1) * rows]
        assert sorted(taken) == list(range(rows)), "the first rows, each once an epoch"
    sizes = [len(batch) for step in steps for batch in step]
    assert set(sizes[:-1]) <= {published.batch}
    assert len(trained.result.steps) == len(steps) == math.ceil(len(sizes) / published.accumulation)


def test_losses_gradients_and_rates_are_the_published_ones(trained: Trained, rebuilt: Rebuilt) -> None:
    steps = trained.result.steps
    assert [step.loss for step in steps] == pytest.approx(rebuilt.losses, abs=1e-5)
    assert [step.gradient_norm for step in steps] == pytest.approx(rebuilt.norms, rel=1e-3)
    assert [step.learning_rate for step in steps] == pytest.approx(rebuilt.rates, rel=1e-6, abs=1e-12)


def test_the_gpt2_loop_evaluates_the_mean_of_batch_means_on_its_last_rows(trained: Trained, rebuilt: Rebuilt) -> None:
    """Its published 2.4195 is that mean, and 2.5208 the mean of the batch means of the epoch."""
    points = trained.result.validation
    assert bool(points) is (trained.name == "gpt2_alpaca_cleaned")
    if points:
        assert points[-1].loss == pytest.approx(rebuilt.evaluation, abs=1e-5)
        assert trained.result.kept_step == points[-1].step
        by_step = [step.loss or 0.0 for step in trained.result.steps]
        batches = [len(step) for step in steps_of(trained)]
        mean = sum(loss * count for loss, count in zip(by_step, batches, strict=True)) / sum(batches)
        assert mean == pytest.approx(sum(rebuilt.batch_means) / len(rebuilt.batch_means), abs=1e-5)


def test_the_trackers_scalars_are_the_published_ones(trained: Trained, rebuilt: Rebuilt) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = trained.root / "home" / "jobs" / trained.job.digest / "logs"
    events = EventAccumulator(str(folder))
    events.Reload()
    scalars = {tag: [event.value for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    every, steps = trained.job.log_every, len(rebuilt.losses)
    windows = [rebuilt.losses[end - every : end] for end in range(every, steps + 1, every)]
    assert scalars["train/loss"] == pytest.approx([sum(window) / every for window in windows], abs=1e-5)
    assert scalars["train/learning_rate"] == pytest.approx(rebuilt.rates[every - 1 :: every], rel=1e-5, abs=1e-12)
    assert len(scalars["train/grad_norm"]) == len(windows)
    assert events.Scalars("train/loss")[-1].step == steps // every * every
    assert scalars["train/epoch"][-1] == pytest.approx(trained.published.epochs, abs=1e-6)
    assert scalars["train/train_loss"] == pytest.approx([sum(rebuilt.losses) / len(rebuilt.losses)], abs=1e-5)
    (runtime,), (samples,) = scalars["train/train_runtime"], scalars["train/train_samples_per_second"]
    rows = sum(step.rows for step in trained.result.steps)
    assert samples == pytest.approx(rows / runtime, rel=0.02)
    assert len(scalars["train/train_steps_per_second"]) == 1
    model = AutoModelForCausalLM.from_pretrained(trained.root / "model")
    if not trained.published.lora:
        slots = sum(step.slots for step in trained.result.steps)
        expected = 6 * slots * model.num_parameters(exclude_embeddings=True)
        assert scalars["train/total_flos"] == pytest.approx([expected], rel=1e-6)


def test_the_published_questions_are_answered_before_and_after(trained: Trained) -> None:
    said = []
    for number, job in enumerate(trained.evals):
        place = trained.root / f"eval{number}"
        place.mkdir()
        run_eval(job, place, lambda _: None)
        said.append([ScoreRow.model_validate_json(line) for line in (place / SCORES).open()])
    assert len(said) >= 2
    assert all(rows and all(row.output is not None for row in rows) for rows in said)
