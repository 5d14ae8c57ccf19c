"""A comparison of two recipes from nothing to scores: `bench run`, and the script that one would write without it.

    python -m benchmarks.end_to_end [FOLDER] --steps 20 --limit 60 --rounds 2

FOLDER is a base, by default the embedded one. Both train it on the embedded curated rows, once in full and once with
LoRA, and score the base and both on three of the embedded tasks, with plain prompts. The script is TRL's `SFTTrainer`
tuned for a processor (fp32, no checkpointing, rows of similar length together) and lm-evaluation-harness's
`simple_evaluate` with its own model class, batch 16. Every round has both in turn, each as a process of its own that
begins with nothing; processor seconds are those of all processes. Scores of the base have to be equal, those of the
arms are near: each side shuffles for itself. `bench run` also checks, measures, records and reports, which the script
leaves out.
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
from typing import Any

from benchmarks.planning import SUBREAPER, wait_for_all

ROOT = Path(__file__).resolve().parents[1]
MICRO = ROOT / "models" / "micro"
TASKS = ROOT / "suites" / "tasks" / "micro"
EVALS = ("micro_qa", "micro_choice", "micro_cloze")
METRICS = ("exact_match,none", "acc,none")
RATES = {"full": 5e-4, "lora": 5e-3}
BATCH, ROWS = 8, 1000
THEIRS, OURS = "SFTTrainer and simple_evaluate", "bench run"

Scores = dict[tuple[str, str], float]
"""By base or recipe, and task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """One run of one side."""

    wall: float
    processor: float
    scores: Scores


def suite_text(base: Path, steps: int, limit: int) -> str:
    """The suite that asks what the script asks."""
    lines = [
        'name = "end_to_end"\nquestion = "Which of two recipes?"\nseeds = [0]',
        f'[model]\npath = "{base}"',
        '[data.curated]\nsource = "micro:curated"',
        *(f'[recipe.{method}]\nmethod = "{method}"\nlearning_rate = {rate}\nbatch_rows = {BATCH}\n'
          'schedule = "constant"\nwarmup = 0\nweight_decay = 0.0\ngroup_by_length = true\nprecision = "fp32"'
          for method, rate in RATES.items()),
        f'[budget]\nunit = "steps"\namount = {steps}',
        '[arms]\ndata = ["curated"]\nrecipe = ["full", "lora"]',
        *(f'[[eval]]\nname = "{task}"\nkind = "lm_eval"\ntasks = ["{task}"]\ninclude = "{TASKS}"\n'
          f'template = "none"\nlimit = {limit}' for task in EVALS),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def scripted(base: Path, steps: int, limit: int) -> Scores:
    """What one would write: train, score, train, score."""
    import torch
    from datasets import Dataset
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    from bench.data.micro.rows import rows

    os.chdir(TASKS)  # the tasks name their rows from there
    tokenizer, manager = AutoTokenizer.from_pretrained(base), TaskManager(include_path=str(TASKS))
    scores: Scores = {}

    def evaluate(name: str, model: Any) -> None:
        language_model = HFLM(pretrained=model.eval(), tokenizer=tokenizer, batch_size=16)
        found = simple_evaluate(model=language_model, tasks=list(EVALS), limit=limit, task_manager=manager)["results"]
        for task in EVALS:
            scores[name, task] = next(found[task][key] for key in METRICS if key in found[task])

    def load() -> Any:
        return AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)

    evaluate("base", load())
    learned = Dataset.from_list([
        {"prompt": " ".join(filter(None, (row["instruction"], row["input"]))) + "\n", "completion": row["output"]}
        for row in rows("curated")[:ROWS]
    ])  # fmt: skip
    for method, rate in RATES.items():
        with tempfile.TemporaryDirectory() as out:
            arguments = SFTConfig(
                output_dir=out, max_steps=steps, per_device_train_batch_size=BATCH, learning_rate=rate, bf16=False,
                use_cpu=True, gradient_checkpointing=False, train_sampling_strategy="group_by_length", report_to="none",
                lr_scheduler_type="constant", save_strategy="no", disable_tqdm=True, seed=0,
            )  # fmt: skip
            lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear") if method == "lora" else None
            trainer = SFTTrainer(
                model=load(), args=arguments, train_dataset=learned, processing_class=tokenizer, peft_config=lora
            )
            trainer.train()
            evaluate(method, trainer.model)
    return scores


def ours(base: Path, steps: int, limit: int, folder: Path) -> Scores:
    """`bench run` in a home of its own."""
    suite = folder / "suite.toml"
    suite.write_text(suite_text(base, steps, limit), encoding="utf-8")
    _do([sys.executable, "-m", "bench", "run", str(suite), "--quiet", "--go-on"], folder)
    record = json.loads((folder / "reports" / "end_to_end" / "latest" / "record.json").read_text())
    return {
        ("base" if entry["arm"] is None else entry["arm"].partition("/")[2], entry["eval"]): measure["value"]
        for entry in record["evaluations"]
        for measure in entry["result"]["measures"]
        if measure["headline"]
    }


def theirs(base: Path, steps: int, limit: int, folder: Path) -> Scores:
    """The script as a process."""
    printed = _do([sys.executable, "-m", "benchmarks.end_to_end", str(base), "--script",
                   "--steps", str(steps), "--limit", str(limit)], folder)  # fmt: skip
    return {(name, task): value for name, task, value in json.loads(printed.splitlines()[-1])}


def _do(command: list[str], folder: Path) -> str:
    homes = {"BENCH_HOME": str(folder / "home"), "HF_HOME": str(folder / "hf")}
    environment = {**os.environ, **homes, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr[-2000:])
    return done.stdout


SIDES = {THEIRS: theirs, OURS: ours}


def timed(side: str, base: Path, steps: int, limit: int) -> Spent:
    """One side from nothing to scores, the processes that it leaves behind included."""
    with tempfile.TemporaryDirectory() as folder:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        scores = SIDES[side](base, steps, limit, Path(folder))
        wall = time.perf_counter() - began
        wait_for_all()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(wall=wall, processor=used, scores=scores)


def print_table(done: Mapping[str, list[Spent]], title: str) -> None:
    """Seconds, ratios to `bench run`, and scores."""
    names = list(dict.fromkeys(key for spent in done.values() for key in spent[0].scores))
    print(f"| {title} | wall s | processor s | theirs / ours, wall | processor |\n|---|---:|---:|---:|---:|")
    for side, spent in done.items():
        pairs = list(zip(spent, done[OURS], strict=True))
        print(f"| {side} | {statistics.median(one.wall for one in spent):.1f} | "
              f"{statistics.median(one.processor for one in spent):.1f} | "
              f"{statistics.median(a.wall / b.wall for a, b in pairs):.2f} | "
              f"{statistics.median(a.processor / b.processor for a, b in pairs):.2f} |")  # fmt: skip
    print("\n| scores | " + " | ".join(f"{name}, {task.removeprefix('micro_')}" for name, task in names) + " |")
    print("|---|" + "---:|" * len(names))
    for side, spent in done.items():
        print(f"| {side} | " + " | ".join(f"{spent[0].scores[name]:.3f}" for name in names) + " |")
    apart = max(abs(done[THEIRS][0].scores[key] - done[OURS][0].scores[key]) for key in names if key[0] == "base")
    print(f"\nScores of the base differ by at most {apart:.4f}.")


def main() -> None:
    """Run both sides in turn and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("base", type=Path, nargs="?", default=MICRO, help="folder of a base")
    parser.add_argument("--steps", type=int, default=20, help="optimiser steps of each training")
    parser.add_argument("--limit", type=int, default=60, help="examples of each task")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--script", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    base = options.base.resolve()
    if options.script:
        found = scripted(base, options.steps, options.limit)
        print(json.dumps([[name, task, value] for (name, task), value in found.items()]))
        return
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    done: dict[str, list[Spent]] = {side: [] for side in SIDES}
    for number in range(options.rounds):
        for side in SIDES if number % 2 == 0 else reversed(list(SIDES)):
            done[side].append(timed(side, base, options.steps, options.limit))
    print_table(done, f"{base.name}, 2 trainings of {options.steps} steps, 3 subjects, 3 tasks of {options.limit}")


if __name__ == "__main__":
    main()
