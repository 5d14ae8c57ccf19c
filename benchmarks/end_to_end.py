"""A comparison of recipes from nothing to scores: `bench run`, and the script that one would write without it.

    python -m benchmarks.end_to_end [FOLDER] --steps 20 --limit 60 --rounds 2
    python -m benchmarks.end_to_end --flagship

FOLDER is a base, by default the embedded one. Both train it on the embedded curated rows, once in full and once with
LoRA, through its chat template (the embedded one has `dialogue`), and score the base and both on three of the embedded
tasks, with plain prompts. `--flagship` is one seed of `suites/lima_vs_alpaca.toml`: six arms of 60,000 tokens each, and
all rows of four tasks and of a held-out loss; the suite's other loss, over rows that it draws itself, is its alone.

The script is TRL's `SFTTrainer` tuned for a processor (fp32, no checkpointing, rows of similar length together) and
lm-evaluation-harness's `simple_evaluate` with its own model class, batch 16. Every round has both in turn, each as a
process of its own that begins with nothing; processor seconds are those of all processes. Scores of the base have to
be equal on tasks without a template, those of the arms are near: each side shuffles for itself. Behind a template
lm-evaluation-harness begins a choice without the blank that training puts there, so its choices stay near chance.
`bench run` also checks, measures, records and reports, which the script leaves out.
"""

import argparse
import ctypes
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.planning import SUBREAPER, wait_for_all

ROOT = Path(__file__).resolve().parents[1]
MICRO = ROOT / "models" / "micro"
TASKS = ROOT / "suites" / "tasks" / "micro"
FLAGSHIP = ROOT / "suites" / "lima_vs_alpaca.toml"
DIALOGUE = ROOT / "bench" / "suite" / "catalog" / "templates" / "dialogue.jinja"
METRICS = ("prompt_level_strict_acc,none", "exact_match,none", "acc,none")
RATES = {"full": 5e-4, "lora": 5e-3}
THEIRS, OURS = "SFTTrainer and simple_evaluate", "bench run"

Scores = dict[tuple[str, str], float]
"""By base or arm, and task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What both sides answer."""

    name: str
    base: Path
    steps: int
    batch: int
    limit: int | None
    data: tuple[str, ...] = ("curated",)
    templated: tuple[str, ...] = ()
    plain: tuple[str, ...] = ("qa", "choice", "cloze")
    """Tasks whose prompts go through a template, and through none."""
    held_out: bool = False
    schedule: str = "constant"
    warmup: float = 0.0
    """Share of the steps."""

    @classmethod
    def flagship(cls) -> Self:
        """One seed of the shipped suite: 60,000 tokens are 150 steps of 16 rows of 25 tokens."""
        return cls(
            name=FLAGSHIP.stem, base=MICRO, steps=150, batch=16, limit=None, data=("curated", "random", "mixed"),
            templated=("instructions", "qa", "choice"), plain=("cloze",), held_out=True,
            schedule="cosine", warmup=0.03,
        )  # fmt: skip

    @property
    def arms(self) -> list[tuple[str, str, str]]:
        """Name, data and method of each."""
        return [(f"{data}/{method}", data, method) for data in self.data for method in RATES]

    @property
    def title(self) -> str:
        """The question in a table's head."""
        tasks = len(self.templated) + len(self.plain)
        examples = "all examples" if self.limit is None else f"{self.limit} examples"
        return f"{self.base.name}, {len(self.arms)} trainings of {self.steps} steps, {tasks} tasks of {examples}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """One run of one side."""

    wall: float
    processor: float
    scores: Scores


def suite_text(question: Question) -> str:
    """The suite that asks what the script asks."""
    lines = [
        f'name = "{question.name}"\nquestion = "Which of two recipes?"\nseeds = [0]',
        f'[model]\npath = "{question.base}"',
        '[data.curated]\nsource = "micro:curated"',
        *(f'[recipe.{method}]\nmethod = "{method}"\nlearning_rate = {rate}\nbatch_rows = {question.batch}\n'
          'schedule = "constant"\nwarmup = 0\nweight_decay = 0.0\ngroup_by_length = true\nprecision = "fp32"'
          for method, rate in RATES.items()),
        f'[budget]\nunit = "steps"\namount = {question.steps}',
        '[arms]\ndata = ["curated"]\nrecipe = ["full", "lora"]',
        *(f'[[eval]]\nname = "{task}"\nkind = "lm_eval"\ntasks = ["micro_{task}"]\ninclude = "{TASKS}"\n'
          f'template = "none"\nlimit = {question.limit}' for task in question.plain),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


class Script:
    """What one would write: score the base; for each arm train, and score."""

    def __init__(self, question: Question) -> None:
        from lm_eval.tasks import TaskManager
        from transformers import AutoTokenizer

        self.question, self.scores = question, Scores()
        self.tokenizer = AutoTokenizer.from_pretrained(question.base)
        if not self.tokenizer.chat_template:
            self.tokenizer.chat_template = DIALOGUE.read_text(encoding="utf-8")
        self.manager = TaskManager(include_path=str(TASKS))

    def run(self) -> Scores:
        """Scores of everything."""
        os.chdir(TASKS)  # the tasks name their rows from there
        self.evaluate("base", self.base())
        for arm, data, method in self.question.arms:
            self.evaluate(arm, self.trained(data, method))
        return self.scores

    def base(self) -> Any:
        """The base, anew."""
        import torch
        from transformers import AutoModelForCausalLM

        return AutoModelForCausalLM.from_pretrained(self.question.base, dtype=torch.float32)

    def learned(self, data: str) -> Any:
        """As many rows as the steps take, in TRL's form; of the curated ones all."""
        import random

        from datasets import Dataset

        from bench.data.micro.rows import rows

        found = rows("curated" if data == "curated" else "mixed")
        if data == "random":
            found = random.Random(0).sample(found, 1000)
        found = found[: self.question.steps * self.question.batch]
        return Dataset.from_list([self.conversation(row) for row in found])

    def conversation(self, row: Mapping[str, str]) -> dict[str, Any]:
        """One row with its prompt apart."""
        asked, answer = " ".join(filter(None, (row["instruction"], row["input"]))), row["output"]
        return {
            "prompt": [{"role": "user", "content": asked}],
            "completion": [{"role": "assistant", "content": answer}],
        }

    def trained(self, data: str, method: str) -> Any:
        """The base after one arm's training."""
        from peft import LoraConfig
        from trl import SFTConfig, SFTTrainer

        with tempfile.TemporaryDirectory() as out:
            arguments = SFTConfig(
                output_dir=out, max_steps=self.question.steps, per_device_train_batch_size=self.question.batch,
                learning_rate=RATES[method], bf16=False, use_cpu=True, gradient_checkpointing=False,
                train_sampling_strategy="group_by_length", report_to="none", save_strategy="no", disable_tqdm=True,
                seed=0, lr_scheduler_type=self.question.schedule, warmup_steps=self.question.warmup,
            )  # fmt: skip
            lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear") if method == "lora" else None
            trainer = SFTTrainer(
                model=self.base(), args=arguments, train_dataset=self.learned(data), processing_class=self.tokenizer,
                peft_config=lora,
            )  # fmt: skip
            trainer.train()
        return trainer.model

    def evaluate(self, name: str, model: Any) -> None:
        """Score one model on everything."""
        from lm_eval import simple_evaluate
        from lm_eval.models.huggingface import HFLM

        language_model = HFLM(pretrained=model.eval(), tokenizer=self.tokenizer, batch_size=16)
        for tasks, templated in ((self.question.templated, True), (self.question.plain, False)):
            names = [f"micro_{task}" for task in tasks]
            found = simple_evaluate(
                model=language_model, tasks=names, limit=self.question.limit, task_manager=self.manager,
                apply_chat_template=templated,
            )["results"] if names else {}  # fmt: skip
            for task in tasks:
                of_task = found[f"micro_{task}"]
                self.scores[name, task] = next(of_task[key] for key in METRICS if key in of_task)
        if self.question.held_out:
            self.scores[name, "heldout_clean"] = self.loss(model)

    def loss(self, model: Any) -> float:
        """Mean negative log-likelihood of the held-out answers' tokens."""
        import torch

        from bench.data.micro.rows import rows

        held, total, tokens = [self.encoded(row) for row in rows("heldout")], 0.0, 0
        held.sort(key=lambda row: len(row[0]))
        for start in range(0, len(held), 16):
            batch = held[start : start + 16]
            width = max(len(ids) for ids, _ in batch)
            ids = torch.tensor([row + [0] * (width - len(row)) for row, _ in batch])
            labels = torch.tensor([[-100] * at + row[at:] + [-100] * (width - len(row)) for row, at in batch])
            mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row, _ in batch])
            with torch.inference_mode():
                logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].flatten(0, 1)
            total += float(torch.nn.functional.cross_entropy(logits, labels[:, 1:].flatten(), reduction="sum"))
            tokens += int((labels[:, 1:] != -100).sum())
        return total / tokens

    def encoded(self, row: Mapping[str, str]) -> tuple[list[int], int]:
        """Token ids of a row, and where its answer begins."""
        turns = self.conversation(row)
        asked = self.tokenizer.apply_chat_template(turns["prompt"], tokenize=False, add_generation_prompt=True)
        whole = self.tokenizer.apply_chat_template(turns["prompt"] + turns["completion"], tokenize=False)
        prompt = self.tokenizer(asked)["input_ids"]
        return prompt + self.tokenizer(whole[len(asked) :], add_special_tokens=False)["input_ids"], len(prompt)


NAMES = {"lima_1k": "curated", "random_1k": "random", "alpaca_52k": "mixed"}
"""The script's names of the flagship's data."""


def ours(question: Question, folder: Path) -> Scores:
    """`bench run` in a home of its own."""
    suite = FLAGSHIP
    if not question.held_out:
        suite = folder / "suite.toml"
        suite.write_text(suite_text(question), encoding="utf-8")
    _do([sys.executable, "-m", "bench", "run", str(suite), "--quiet", "--go-on", "--set", "seeds=[0]"], folder)
    record = json.loads((folder / "reports" / question.name / "latest" / "record.json").read_text())
    scores = Scores()
    for entry in record["evaluations"]:
        data, _, recipe = (entry["arm"] or "base").partition("/")
        name = f"{NAMES.get(data, data)}/{recipe}" if recipe else "base"
        for measure in entry["result"]["measures"]:
            if measure["headline"]:
                scores[name, entry["eval"]] = measure["value"]
    return scores


def theirs(question: Question, folder: Path) -> Scores:
    """The script as a process."""
    sizes = ["--steps", str(question.steps), "--limit", str(question.limit)]
    asked = ["--flagship"] if question.held_out else [str(question.base), *sizes]
    printed = _do([sys.executable, "-m", "benchmarks.end_to_end", "--script", *asked], folder)
    return {(name, task): value for name, task, value in json.loads(printed.splitlines()[-1])}


def _do(command: list[str], folder: Path) -> str:
    homes = {"BENCH_HOME": str(folder / "home"), "HF_HOME": str(folder / "hf")}
    environment = {**os.environ, **homes, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr[-2000:])
    return done.stdout


SIDES = {THEIRS: theirs, OURS: ours}


def timed(side: str, question: Question) -> Spent:
    """One side from nothing to scores, the processes that it leaves behind included."""
    with tempfile.TemporaryDirectory() as folder:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        scores = SIDES[side](question, Path(folder))
        wall = time.perf_counter() - began
        wait_for_all()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(wall=wall, processor=used, scores=scores)


def print_table(done: Mapping[str, list[Spent]], question: Question) -> None:
    """Seconds, ratios to `bench run`, and scores."""
    print(f"| {question.title} | wall s | processor s | theirs / ours, wall | processor |\n|---|---:|---:|---:|---:|")
    for side, spent in done.items():
        pairs = list(zip(spent, done[OURS], strict=True))
        print(f"| {side} | {statistics.median(one.wall for one in spent):.1f} | "
              f"{statistics.median(one.processor for one in spent):.1f} | "
              f"{statistics.median(a.wall / b.wall for a, b in pairs):.2f} | "
              f"{statistics.median(a.processor / b.processor for a, b in pairs):.2f} |")  # fmt: skip
    first = {side: spent[0].scores for side, spent in done.items()}
    tasks = list(dict.fromkeys(task for _, task in first[THEIRS]))
    print("\n| scores of | by | " + " | ".join(tasks) + " |\n|---|---|" + "---:|" * len(tasks))
    for name in dict.fromkeys(name for name, _ in first[THEIRS]):
        for side, scores in first.items():
            print(f"| {name} | {side} | " + " | ".join(f"{scores[name, task]:.3f}" for task in tasks) + " |")
    apart = max(abs(first[THEIRS]["base", task] - first[OURS]["base", task]) for task in question.plain)
    print(f"\nScores of the base on tasks without a template differ by at most {apart:.4f}.")


def main() -> None:
    """Run both sides in turn and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("base", type=Path, nargs="?", default=MICRO, help="folder of a base")
    parser.add_argument("--flagship", action="store_true", help="one seed of the shipped suite, whole")
    parser.add_argument("--steps", type=int, default=20, help="optimiser steps of each training")
    parser.add_argument("--limit", type=int, default=60, help="examples of each task")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--script", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    base = options.base.resolve()
    question = Question(name="end_to_end", base=base, steps=options.steps, batch=8, limit=options.limit)
    if options.flagship:
        question = Question.flagship()
    if options.script:
        print(json.dumps([[name, task, value] for (name, task), value in Script(question).run().items()]))
        return
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    done: dict[str, list[Spent]] = {side: [] for side in SIDES}
    for number in range(options.rounds):
        for side in SIDES if number % 2 == 0 else reversed(list(SIDES)):
            done[side].append(timed(side, question))
    print_table(done, question)


if __name__ == "__main__":
    main()
