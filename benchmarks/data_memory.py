"""Peak memory of choosing rows and of reading them, for 52,000 and for 520,000 rows: it must not grow with the rows.

    python benchmarks/data_memory.py [--rows 52000 520000]

Writes Alpaca-like rows of random words to a temporary folder, resolves them (all, a random draw, the longest, a
hold-out) and reads them back as training does, each in a process of its own, and prints the peak of each process.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

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
    from bench.suite.data import DataSpec, Select

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


def peak(step: str, folder: Path) -> int:
    """Bytes that a process needs at its peak for one of the steps."""
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)


def main() -> None:
    """Print a table, or do one step and print its peak."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[52_000, 520_000])
    parser.add_argument("--step", choices=["resolve", "read"])
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    if arguments.step is not None:
        sys.path.insert(0, str(ROOT))
        {"resolve": resolve, "read": read}[arguments.step](arguments.folder)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
        return
    print(f"{'rows':>9}  {'resolve MB':>10}  {'read MB':>8}")
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write(folder / "rows.jsonl", rows)
            print(f"{rows:>9,}  {peak('resolve', folder) / 1e6:>10.1f}  {peak('read', folder) / 1e6:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
