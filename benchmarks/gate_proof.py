"""How often the interleaved speed gate cries wolf, and how often it catches what was planted.

Each run is a whole comparison with fresh workers, on the micro base; with `--runs-per-start` several runs fork their
workers from the same two loaded versions (seconds a run count the loading in full all the same). Both versions are
copies of this checkout; a planted one has code appended to its trainer that spends a share of each step's processor
time once more, or sleeps as long. Nothing in the product knows of it.

    python benchmarks/gate_proof.py --same 100 --slower 0.10:20 --slower 0.05:20 --waiting 0.20:10 --out proof.jsonl
    python benchmarks/gate_proof.py --table proof.jsonl

Runs are appended to the file one by one; the table can be drawn of several files, at any time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.gate.speed import THRESHOLD, SpeedComparison, Training, compare_speed, loaded_pair
from bench.gate.versions import Version

ROOT = Path(__file__).resolve().parents[1]
ARM = "lima_1k/full"
_PATCH = """

# --- planted by benchmarks/gate_proof.py ---
import time as _time

_told = MeteredTrainer._maybe_log_save_evaluate
_matrix = torch.ones(64, 64)


def _slowed(self, *args, **kwargs):
    if self.state.global_step > self._metered_step:
        now = _time.process_time()
        spent = now - getattr(self, "_planted_since", now)
        if {waiting}:
            _time.sleep({share} * spent)
        end = _time.process_time() + (0.0 if {waiting} else {share} * spent)
        while _time.process_time() < end:
            _matrix @ _matrix
        self._planted_since = _time.process_time()
    return _told(self, *args, **kwargs)


MeteredTrainer._maybe_log_save_evaluate = _slowed
"""


def copy_of_checkout(folder: Path, *, share: float = 0.0, waiting: bool = False) -> Version:
    """A version of its own in `folder`; slower by `share` of each step."""
    for name in ("bench", "suites", "models"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    if share:
        with (folder / "bench" / "train" / "trainer.py").open("a") as trainer:
            trainer.write(_PATCH.format(share=share, waiting=waiting))
    return Version(name=folder.name, python=Path(sys.executable), tree=folder)


def run_kind(name: str, runs: int, *, share: float, waiting: bool, asked: argparse.Namespace) -> None:
    """`runs` gate runs of one kind, appended to the file."""
    with tempfile.TemporaryDirectory(prefix="gate-proof-") as folder:
        theirs = copy_of_checkout(Path(folder) / "before")
        ours = copy_of_checkout(Path(folder) / "after", share=share, waiting=waiting)
        suite = Path(folder) / "before" / "suites" / "lima_vs_alpaca.toml"
        training = Training(suite=suite, profile="micro", overrides=(), arm=ARM)
        for first in range(0, runs, asked.runs_per_start):
            began = time.monotonic()
            with loaded_pair(training, ours=ours, theirs=theirs, home=Path(folder) / "home") as pair:
                loading = time.monotonic() - began
                for number in range(first, min(runs, first + asked.runs_per_start)):
                    write(name, compare_speed(pair, threshold=asked.threshold, seed=number), loading, asked.out)


def write(name: str, found: SpeedComparison, loading: float, out: Path) -> None:
    """Append one run."""
    line = {
        "kind": name,
        "verdict": found.verdict,
        "seconds": round(found.seconds + loading, 1),
        "load": os.getloadavg()[0],
        "clocks": {
            one.clock: [one.verdict, one.slowdown.ratio, one.slowdown.low, one.slowdown.high] for one in found.clocks
        },
    }
    with out.open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)


def table(lines: Iterable[dict[str, Any]]) -> str:
    """Markdown: per kind, runs, alarms, the ratios that were found, seconds a run."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        kinds.setdefault(line["kind"], []).append(line)
    rows = [
        "| planted | runs | alarms | by processor time | by wall clock | ratio, median (5% to 95%) | half-width | "
        "seconds a run, median (longest) | load, median |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for kind, runs in kinds.items():
        clocks = [run["clocks"] for run in runs]
        ratios = sorted(found["cpu"][1] for found in clocks)
        widths = [(found["cpu"][3] - found["cpu"][2]) / 2 for found in clocks]
        seconds = [run["seconds"] for run in runs]
        rows.append(
            f"| {kind} | {len(runs)} | {sum(run['verdict'] == 'slower' for run in runs)} "
            f"| {sum(found['cpu'][0] == 'slower' for found in clocks)} "
            f"| {sum(found['wall'][0] == 'slower' for found in clocks)} "
            f"| {statistics.median(ratios):.3f} ({quantile(ratios, 0.05):.3f} to {quantile(ratios, 0.95):.3f}) "
            f"| {statistics.median(widths):.3f} | {statistics.median(seconds):.0f} ({max(seconds):.0f}) "
            f"| {statistics.median(run['load'] for run in runs):.1f} |"
        )
    return "\n".join(rows)


def quantile(ordered: list[float], share: float) -> float:
    """Nearest rank."""
    return ordered[round(share * (len(ordered) - 1))]


def main() -> None:
    """Run what was asked for, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--same", type=int, default=0, help="runs of a version against itself")
    parser.add_argument("--slower", action="append", default=[], metavar="SHARE:RUNS", help="more work in each step")
    parser.add_argument("--waiting", action="append", default=[], metavar="SHARE:RUNS", help="sleep in each step")
    parser.add_argument("--runs-per-start", type=int, default=1, help="runs that share two loaded versions")
    parser.add_argument("--threshold", type=float, default=THRESHOLD)
    parser.add_argument("--out", type=Path, default=Path("gate_proof.jsonl"))
    parser.add_argument("--table", type=Path, nargs="*", help="only draw the table of these files")
    asked = parser.parse_args()
    if asked.table is None:
        if asked.same:
            run_kind("nothing", asked.same, share=0.0, waiting=False, asked=asked)
        for waiting, entries in ((False, asked.slower), (True, asked.waiting)):
            for entry in entries:
                share, runs = float(entry.partition(":")[0]), int(entry.partition(":")[2])
                name = f"{share:.0%} more {'waiting' if waiting else 'work'}"
                run_kind(name, runs, share=share, waiting=waiting, asked=asked)
    files = asked.table or [asked.out]
    print(table(json.loads(line) for file in files for line in file.read_text().splitlines()))


if __name__ == "__main__":
    main()
