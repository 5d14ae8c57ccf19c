"""Peak memory and processor time of choosing rows, of reading them and of training on them, for 52,000 and for 520,000
rows: memory must not grow with the rows, and time not faster than they.

    python benchmarks/data_memory.py [--rows 52000 520000] [--model FOLDER --steps 20]

Writes Alpaca-like rows of random words to a temporary folder, resolves them (all, a random draw, the longest, a
hold-out), reads them back as training does, and, given a small base, trains on them with a budget in steps and goes
from the file to the first step of an epoch of them all. Each in a process of its own, whose peak and processor seconds
are printed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.record.jobs.train_job import TrainJob

ROOT = Path(__file__).parent.parent


def write(path: Path, rows: int) -> None:
    """Rows of about 700 characters."""
    generator = random.Random(0)
    words = [f"w{number}" for number in range(5000)]
    with path.open("w", encoding="utf-8") as file:
        for row in range(rows):
            text = " ".join(generator.choices(words, k=generator.randrange(20, 220)))
            file.write(json.dumps({"instruction": f"Do {row}.", "input": "", "output": text}) + "\n")


def resolve(folder: Path) -> None:
    """What `bench run` does with data, in this process."""
    from bench.data.resolve import resolve_data
    from bench.suite.tables.data import DataSpec, Select

    specs = {"all": DataSpec(source="rows.jsonl")}
    for by in ("random", "longest"):
        specs[by] = DataSpec(source="rows.jsonl", select=Select.model_validate({"by": by, "size": 1000}))
    specs["eval:held"] = DataSpec(source="rows.jsonl", select=Select(by="holdout", size=500))
    found = resolve_data(specs, base=folder, home=folder / "home")
    (folder / "all.txt").write_text(found["all"].path)


def read(folder: Path) -> None:
    """What a training does with stored rows: some of them, in random order."""
    from bench.data.store import load_rows

    rows = load_rows((folder / "all.txt").read_text())
    for index in random.Random(1).sample(range(len(rows)), 5000):
        assert rows[index].answer


def _job(folder: Path, home: Path, model: Path, unit: str, amount: int) -> TrainJob:
    from bench.data.resolve import resolve_data
    from bench.record.jobs.train_job import TrainJob
    from bench.run.resolve.models import resolve_model
    from bench.suite.tables.data import DataSpec
    from bench.suite.tables.models.model import ModelSpec
    from bench.suite.tables.training.budget import Budget
    from bench.suite.tables.training.recipe import Recipe

    return TrainJob(
        arm="all/full",
        seed=0,
        model=resolve_model(ModelSpec(path=str(model)), base=folder, home=home),
        data=resolve_data({"all": DataSpec(source="rows.jsonl")}, base=folder, home=home)["all"],
        recipe=Recipe(method="full", learning_rate=1e-3, batch_rows=8, max_length=128),
        budget=Budget.model_validate({"unit": unit, "amount": amount}),
        threads=1,
        digest="0" * 64,
    )


def train(folder: Path, model: Path, steps: int) -> None:
    """A whole training, as its child does it."""
    from bench.train.job import run_training

    target = folder / "trained"
    target.mkdir()
    run_training(_job(folder, folder / "home", model, "steps", steps), target, lambda event: None)


class _EnoughError(Exception):
    """The first step is done."""


def first(folder: Path, model: Path, steps: int) -> None:
    """An epoch's training from the file, of which nothing is kept yet, to its first step."""
    from bench.emit import Event, StepDone
    from bench.train.job import run_training

    def stop(event: Event) -> None:
        if isinstance(event, StepDone):
            raise _EnoughError

    target = folder / "begun"
    target.mkdir()
    with contextlib.suppress(_EnoughError):
        run_training(_job(folder, folder / "fresh", model, "epochs", 1), target, stop)


def needs(step: str, folder: Path, *more: str) -> tuple[float, float]:
    """What one of the steps needs in a process of its own: megabytes at its peak, processor seconds."""
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder), *more]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout.split()
    return float(printed[-2]), float(printed[-1])


def _print_own() -> None:
    """Print the peak of this process in megabytes and its processor seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6, used.ru_utime + used.ru_stime)


def main() -> None:
    """Print a table, or do one step and print its peak."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[52_000, 520_000])
    parser.add_argument("--model", type=Path, help="folder of a small base to train")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--step", choices=["resolve", "read", "train", "first"])
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    if arguments.step is not None:
        sys.path.insert(0, str(ROOT))
        if arguments.model is None:
            {"resolve": resolve, "read": read}[arguments.step](arguments.folder)
        else:
            {"train": train, "first": first}[arguments.step](arguments.folder, arguments.model, arguments.steps)
        _print_own()
        return
    steps = ["resolve", "read", *(["train", "first"] if arguments.model else [])]
    trained = ["--model", str(arguments.model and arguments.model.resolve()), "--steps", str(arguments.steps)]
    print(f"{'rows':>9}" + "".join(f"  {step + ' MB':>11}  {'s':>6}" for step in steps))
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write(folder / "rows.jsonl", rows)
            print(f"{rows:>9,}", end="", flush=True)
            for step in steps:
                more = trained if step in ("train", "first") else []
                megabytes, seconds = needs(step, folder, *more)
                print(f"  {megabytes:>11.1f}  {seconds:>6.1f}", end="", flush=True)
            print()


if __name__ == "__main__":
    main()
