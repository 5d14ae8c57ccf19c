"""Trainings of one base: a bare loop of torch, and TRL's trainer tuned and with its defaults, beside this program's.

    python -m benchmarks.training [FOLDER] --rows 96 --rounds 3 --threads 2 --precision fp32 --method full

FOLDER is a base, by default the embedded one. With `--method lora` all ways train an adapter of the same shape, each
from a start drawn with the same seed. Rows are drawn with a seed, so no data is needed, and rendered once: all
ways learn from the same token ids and masks, each row once, in batches of eight. The bare loop has this program's very
batches, so each of its losses is held against this program's; the others shuffle for themselves. Every round has all
ways in turn, each in a process forked for it; figures are over the steps behind the first, a ratio is the median of the
rounds' ratios.
"""

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import torch
from datasets import Dataset
from peft import get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, TrainerCallback
from transformers.utils import logging
from trl import SFTConfig, SFTTrainer

from bench.data.resolve import resolve_data
from bench.emit import Event, StepDone
from bench.record.jobs.train_job import TrainJob
from bench.run.resolve.models import resolve_model
from bench.suite.tables.data import DataSpec
from bench.suite.tables.models.model import ModelSpec
from bench.suite.tables.models.precision import Precision
from bench.suite.tables.training.budget import Budget
from bench.suite.tables.training.recipe import Recipe
from bench.train.arguments.adapters import peft_config
from bench.train.batches.collate import collate
from bench.train.batches.encoded_row import IGNORED
from bench.train.batches.schedule import Schedule
from bench.train.job import run_training
from bench.train.training_data import build_training_data
from benchmarks.evaluation import prompts

Method = Literal["full", "lora"]
MICRO = Path(__file__).resolve().parents[1] / "models" / "micro"
BATCH, RATE = 8, 1e-4
OURS = "this program"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """One training: what its steps behind the first took, and the loss of each step."""

    tokens: int
    wall: float
    processor: float
    losses: tuple[float, ...]


class Clock:
    """The clocks at the end of each step."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.processor: list[float] = []

    def step(self) -> None:
        """A step has ended."""
        self.wall.append(time.perf_counter())
        self.processor.append(time.process_time())

    def trained(self, tokens: Sequence[int], losses: Sequence[float]) -> Trained:
        """tokens: of each step, without padding."""
        return Trained(
            tokens=sum(tokens[1 : len(self.wall)]),
            wall=self.wall[-1] - self.wall[0],
            processor=self.processor[-1] - self.processor[0],
            losses=tuple(losses),
        )


def make_job(folder: Path, base: Path, rows: int, *, method: Method, precision: Precision, threads: int) -> TrainJob:
    """One epoch of rows drawn with a seed, those of similar length together."""
    lines = [{"instruction": f"Tell story {at}.", "output": story} for at, story in enumerate(prompts(rows))]
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    home = folder / "home"
    recipe = Recipe(
        method=method,
        learning_rate=RATE,
        schedule="constant",
        warmup=0,
        weight_decay=0.0,
        batch_rows=BATCH,
        group_by_length=True,
        precision=precision,
    ).with_defaults("all-linear")
    return TrainJob(
        arm=f"stories/{method}",
        seed=0,
        model=resolve_model(ModelSpec(path=str(base.resolve())), base=folder, home=home),
        data=resolve_data({"stories": DataSpec(source="rows.jsonl")}, base=folder, home=home)["stories"],
        recipe=recipe,
        budget=Budget.model_validate({"unit": "epochs", "amount": 1}),
        threads=threads,
        digest="0" * 64,
    )


def ours(job: TrainJob, schedule: Schedule, folder: Path) -> Trained:
    """The training as a run has it."""
    clock = Clock()

    def emit(event: Event) -> None:
        if isinstance(event, StepDone):
            clock.step()

    result = run_training(job, folder, emit, checked=False)
    return clock.trained([step.tokens for step in result.steps], [float(step.loss or 0.0) for step in result.steps])


def bare(job: TrainJob, schedule: Schedule, folder: Path) -> Trained:
    """A loop that somebody would write by hand, on this program's batches."""
    torch.manual_seed(job.seed)  # as this program draws an adapter's start
    model, adapter = _model(job), peft_config(job.recipe, job.model)
    model = (model if adapter is None else get_peft_model(model, adapter)).train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0)
    clock, tokens, losses = Clock(), list[int](), list[float]()
    pad = AutoTokenizer.from_pretrained(job.model.path).pad_token_id or 0
    for batch in schedule.batches:
        made = collate(batch, pad)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=job.recipe.precision == "bf16"):
            inputs = {"input_ids": made["input_ids"], "attention_mask": made["real"].long(), "labels": made["labels"]}
            loss = model(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        tokens.append(made["counts"].tokens)
        clock.step()
    return clock.trained(tokens, losses)


def tuned(job: TrainJob, schedule: Schedule, folder: Path) -> Trained:
    """TRL's trainer as somebody who knows it would set it for a processor."""
    return _sft(job, schedule, folder, gradient_checkpointing=False, bf16=job.recipe.precision == "bf16",
                train_sampling_strategy="group_by_length")  # fmt: skip


def default(job: TrainJob, schedule: Schedule, folder: Path) -> Trained:
    """TRL's trainer as it comes."""
    return _sft(job, schedule, folder)


def _sft(job: TrainJob, schedule: Schedule, folder: Path, **options: object) -> Trained:
    settings: dict[str, Any] = {
        "output_dir": str(folder), "num_train_epochs": 1, "per_device_train_batch_size": BATCH, "use_cpu": True,
        "learning_rate": RATE, "lr_scheduler_type": "constant", "save_strategy": "no", "report_to": "none", "seed": 0,
        "logging_steps": 1, "disable_tqdm": True, "completion_only_loss": True, "max_length": None, **options,
    }  # fmt: skip
    rows = [{"input_ids": row.ids.tolist(), "completion_mask": (row.labels != IGNORED).astype(int).tolist()}
            for row in schedule.examples()]  # fmt: skip
    clock, tokens = Clock(), list[int]()
    trainer = SFTTrainer(
        model=_model(job),
        args=SFTConfig(**settings),
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(job.model.path),
        callbacks=[_callback(clock)],
        peft_config=peft_config(job.recipe, job.model),
    )
    trainer.remove_callback(PrinterCallback)
    collated = trainer.data_collator

    def counting(examples: list[dict[str, Any]]) -> Any:
        tokens.append(sum(len(example["input_ids"]) for example in examples))
        return collated(examples)

    trainer.data_collator = counting
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return clock.trained(tokens, losses)


def _callback(clock: Clock) -> TrainerCallback:
    class AtStepEnd(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.step()

    return AtStepEnd()


def _model(job: TrainJob) -> Any:
    return AutoModelForCausalLM.from_pretrained(job.model.path, dtype=torch.float32)


Way = Callable[[TrainJob, Schedule, Path], Trained]
WAYS: Mapping[str, Way] = {
    "SFTTrainer, defaults": default,
    "SFTTrainer, tuned": tuned,
    "bare loop of torch": bare,
    OURS: ours,
}


def _alone(name: str, job: TrainJob) -> Trained:
    """One way in this process, which does nothing else."""
    torch.set_num_threads(job.threads)
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        return WAYS[name](job, build_training_data(job, budget=job.budget).schedule, Path(folder))


def interleaved(job: TrainJob, rounds: int) -> dict[str, list[Trained]]:
    """All ways in turn, in alternating order, each in a fork of this process."""
    done: dict[str, list[Trained]] = {name: [] for name in WAYS}
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        for number in range(rounds):
            for name in WAYS if number % 2 == 0 else reversed(list(WAYS)):
                done[name].append(pool.apply(_alone, (name, job)))
    return done


def print_table(done: Mapping[str, Sequence[Trained]], title: str) -> None:
    """Rates, ratios to this program, mean loss over the epoch, largest difference of a step's loss on equal batches."""
    print(f"| {title} | tokens / wall s | tokens / processor s | ours / theirs, wall | ours / theirs, processor | "
          "mean loss | largest difference of a step |\n|---|---:|---:|---:|---:|---:|---:|")  # fmt: skip
    mine = done[OURS]
    for name, theirs in done.items():
        pairs = list(zip(theirs, mine, strict=True))
        wall = statistics.median((b.tokens / b.wall) / (a.tokens / a.wall) for a, b in pairs)
        processor = statistics.median((b.tokens / b.processor) / (a.tokens / a.processor) for a, b in pairs)
        rates = [statistics.median(one.tokens / seconds for one, seconds in timed) for timed in
                 ([(one, one.wall) for one in theirs], [(one, one.processor) for one in theirs])]  # fmt: skip
        apart = "–"
        if WAYS[name] is bare:
            apart = f"{max(abs(a - b) for x, y in pairs for a, b in zip(x.losses, y.losses, strict=True)):.1e}"
        print(f"| {name} | {rates[0]:,.0f} | {rates[1]:,.0f} | {wall:.2f} | {processor:.2f} | "
              f"{statistics.fmean(theirs[0].losses):.4f} | {apart} |")  # fmt: skip


def main() -> None:
    """Train, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("base", type=Path, nargs="?", default=MICRO, help="folder of a base")
    parser.add_argument("--rows", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="of all but the defaults")
    parser.add_argument("--method", choices=get_args(Method), default="full")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        method, precision = cast("Method", options.method), cast("Precision", options.precision)
        job = make_job(
            Path(folder), options.base, options.rows, method=method, precision=precision, threads=options.threads
        )
        title = f"{options.base.name}, {method}, {options.rows} rows, {precision}, {options.threads} threads"
        print_table(interleaved(job, options.rounds), title)


if __name__ == "__main__":
    main()
