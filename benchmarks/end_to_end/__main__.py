"""A comparison of recipes from nothing to scores: `bench run`, and the script that one would write without it.

    python -m benchmarks.end_to_end [FOLDER] --steps 20 --limit 60 --rounds 2 --precision fp32
    python -m benchmarks.end_to_end --flagship

FOLDER is a base, by default the embedded one. Both train it on the embedded curated rows, once in full and once with
LoRA, through its chat template (the embedded one has `dialogue`), and score the base and both on three of the embedded
tasks, with plain prompts. `--flagship` is one seed of `suites/lima_vs_alpaca.toml`: six arms of 60,000 tokens each, and
all rows of four tasks and of a held-out loss; the suite's other loss, over rows that it draws itself, is its alone.

The script is TRL's `SFTTrainer` tuned for a processor (no checkpointing, rows of similar length together) and
lm-evaluation-harness's `simple_evaluate` with its own model class, batch 16. Every round has both in turn, each as a
process of its own that begins with nothing but Python's compiled files, as an installation has them; processor seconds
are those of all processes. In fp32 scores of the base have to be equal on tasks without a template; those of the arms
are near: each side shuffles for itself. Behind a template lm-evaluation-harness begins a choice without the blank that
training puts there, so its choices stay near chance. `bench run` also checks, measures, records and reports, which the
script leaves out.
"""

import argparse
import compileall
import ctypes
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import bench
from benchmarks.end_to_end.program import finished, ours
from benchmarks.end_to_end.question import MICRO, Question, Scores
from benchmarks.end_to_end.script import Script
from benchmarks.planning import SUBREAPER, wait_for_all

THEIRS, OURS = "SFTTrainer and simple_evaluate", "bench run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """One run of one side."""

    wall: float
    processor: float
    scores: Scores


def theirs(question: Question, folder: Path) -> Scores:
    """The script as a process."""
    sizes = ["--steps", str(question.steps), "--limit", str(question.limit), "--precision", question.precision]
    asked = ["--flagship"] if question.held_out else [str(question.base), *sizes]
    printed = finished([sys.executable, "-m", "benchmarks.end_to_end", "--script", *asked], folder)
    return {(name, task): value for name, task, value in json.loads(printed.splitlines()[-1])}


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
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="of both sides")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--script", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    base = options.base.resolve()
    question = Question(
        name="end_to_end", base=base, steps=options.steps, batch=8, limit=options.limit, precision=options.precision
    )
    if options.flagship:
        question = Question.flagship()
    if options.script:
        print(json.dumps([[name, task, value] for (name, task), value in Script(question).run().items()]))
        return
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    compileall.compile_dir(Path(bench.__file__).parent, quiet=1)
    done: dict[str, list[Spent]] = {side: [] for side in SIDES}
    for number in range(options.rounds):
        for side in SIDES if number % 2 == 0 else reversed(list(SIDES)):
            done[side].append(timed(side, question))
    print_table(done, question)


if __name__ == "__main__":
    main()
