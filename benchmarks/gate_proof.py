"""How often the interleaved speed gate says no-go to equal versions, and how often it finds what was planted.

Each run is a whole comparison with fresh workers, on the micro base; with `--runs-per-start` several runs fork their
workers from the same two loaded versions (seconds a run count the loading in full all the same). Both versions are
copies of this checkout; a planted one has code appended to its trainer. Nothing in the product knows of it:

- `slower`: a share of each step's processor time is spent once more; `waiting`: each step sleeps as long.
- `wrong updates`: every second step has no backward pass, so that half of the updates are missing. Faster by a third.
- `wrong layers`: the first half of the weights is frozen, so that their gradients need not be computed. Faster, too.

    python -m benchmarks.gate_proof --same 100 --slower 0.10:20 --waiting 0.20:10 --wrong updates:10 --wrong layers:10
    python -m benchmarks.gate_proof --table proof.jsonl

Runs are appended to the file one by one; the table can be drawn of several files, at any time.
"""

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

from bench.gate.speed.speed_gate import THRESHOLD, SpeedComparison, Training, compare_speed, loaded_pair
from bench.gate.speed.stepping import Effort
from bench.gate.speed.versions import Version

ROOT = Path(__file__).resolve().parents[1]
ARM = "lima_1k/full"
TRAINER = Path("bench") / "train" / "loop" / "trainer.py"
_SLOWER = """

# --- planted by benchmarks/gate_proof.py ---
import time as _time

_after_step = MeteredTrainer.after_step
_matrix = torch.ones(64, 64)


def _slowed(self, *args, **kwargs):
    now = _time.process_time()
    spent = now - getattr(self, "_planted_since", now)
    if {waiting}:
        _time.sleep({share} * spent)
    end = _time.process_time() + (0.0 if {waiting} else {share} * spent)
    while _time.process_time() < end:
        _matrix @ _matrix
    self._planted_since = _time.process_time()
    return _after_step(self, *args, **kwargs)


MeteredTrainer.after_step = _slowed
"""
_WRONG = {
    "updates": """

# --- planted by benchmarks/gate_proof.py ---
_training_step = MeteredTrainer.training_step


def _half_of_the_updates(self, model, inputs, num_items_in_batch=None):
    if self.state.global_step % 2 == 0:
        return _training_step(self, model, inputs, num_items_in_batch)
    self._account.enter("compute")
    counts, inputs = inputs["counts"], self._prepare_inputs(inputs)
    with torch.no_grad():
        loss = self.compute_loss(model, inputs, num_items_in_batch=num_items_in_batch)
    self._account.end_forward(counts, self.learning_rate)
    return loss.detach()


MeteredTrainer.training_step = _half_of_the_updates
""",
    "layers": """

# --- planted by benchmarks/gate_proof.py ---
_training_step = MeteredTrainer.training_step


def _half_of_the_weights(self, model, inputs, num_items_in_batch=None):
    weights = list(model.parameters())
    for weight in weights[: len(weights) // 2]:
        weight.requires_grad_(False)
    return _training_step(self, model, inputs, num_items_in_batch)


MeteredTrainer.training_step = _half_of_the_weights
""",
}


def copy_of_checkout(folder: Path, patch: str = "") -> Version:
    """A version of its own in `folder`, with `patch` appended to its trainer."""
    for name in ("bench", "suites", "models"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / TRAINER).open("a") as trainer:
        trainer.write(patch)
    return Version(name=folder.name, python=Path(sys.executable), tree=folder)


def run_kind(name: str, runs: int, patch: str, options: argparse.Namespace) -> None:
    """`runs` gate runs of one kind, appended to the file."""
    with tempfile.TemporaryDirectory(prefix="gate-proof-") as folder:
        theirs = copy_of_checkout(Path(folder) / "before")
        ours = copy_of_checkout(Path(folder) / "after", patch)
        suite = Path(folder) / "before" / "suites" / "lima_vs_alpaca.toml"
        training = Training(suite=suite, profile="micro", overrides=(), arm=ARM)
        for first in range(0, runs, options.runs_per_start):
            began = time.monotonic()
            effort = Effort(seconds=options.seconds)
            with loaded_pair(training, ours=ours, theirs=theirs, home=Path(folder) / "home", effort=effort) as pair:
                loading = time.monotonic() - began
                for _ in range(first, min(runs, first + options.runs_per_start)):
                    write(name, compare_speed(pair, threshold=options.threshold), loading, options.out)


def write(name: str, comparison: SpeedComparison, loading: float, out: Path) -> None:
    """Append one run."""
    line = {
        "kind": name,
        "answer": comparison.answer,
        "seconds": round(comparison.seconds + loading, 1),
        "load": os.getloadavg()[0],
        "clocks": {
            clock.clock: [clock.verdict, clock.slowdown.ratio, clock.slowdown.low, clock.slowdown.high]
            for clock in comparison.clocks
        },
        "learning": {
            check.quantity: [check.verdict, check.difference, check.low, check.high, check.band]
            for check in comparison.learning
        },
    }
    with out.open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)


def table(lines: Iterable[dict[str, Any]]) -> str:
    """Markdown: per kind, runs, answers and what gave them, the ratios that were found, seconds a run."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        kinds.setdefault(line["kind"], []).append(line)
    rows = [
        "| planted | runs | no-go | inconclusive | by processor time | by wall clock | by loss | by first gradient "
        "| ratio, median (5% to 95%) | half-width | seconds a run, median (longest) | load, median |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for kind, runs in kinds.items():
        cpu = [run["clocks"]["cpu"] for run in runs]
        ratios = sorted(ratio for _, ratio, _, _ in cpu)
        widths = [(high - low) / 2 for _, _, low, high in cpu]
        seconds = [run["seconds"] for run in runs]
        rows.append(
            f"| {kind} | {len(runs)} | {count(runs, lambda run: run['answer'] == 'no-go')} "
            f"| {count(runs, lambda run: run['answer'] == 'inconclusive')} "
            f"| {count(runs, lambda run: run['clocks']['cpu'][0] == 'slower')} "
            f"| {count(runs, lambda run: run['clocks']['wall'][0] == 'slower')} "
            f"| {count(runs, lambda run: run['learning']['loss'][0] == 'different')} "
            f"| {count(runs, lambda run: run['learning']['first gradient'][0] == 'different')} "
            f"| {statistics.median(ratios):.3f} ({quantile(ratios, 0.05):.3f} to {quantile(ratios, 0.95):.3f}) "
            f"| {statistics.median(widths):.3f} | {statistics.median(seconds):.0f} ({max(seconds):.0f}) "
            f"| {statistics.median(run['load'] for run in runs):.1f} |"
        )
    return "\n".join(rows)


def count(runs: Iterable[dict[str, Any]], holds: Any) -> int:
    """Runs of which something holds."""
    return sum(bool(holds(run)) for run in runs)


def quantile(ordered: list[float], share: float) -> float:
    """Nearest rank."""
    return ordered[round(share * (len(ordered) - 1))]


def main() -> None:
    """Run what was asked for, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--same", type=int, default=0, help="runs of a version against itself")
    parser.add_argument("--slower", action="append", default=[], metavar="SHARE:RUNS", help="more work in each step")
    parser.add_argument("--waiting", action="append", default=[], metavar="SHARE:RUNS", help="sleep in each step")
    parser.add_argument("--wrong", action="append", default=[], metavar="KIND:RUNS", help="faster, and learns less")
    parser.add_argument("--runs-per-start", type=int, default=1, help="runs that share two loaded versions")
    parser.add_argument("--seconds", type=float, default=Effort().seconds, help="of stepping in a run, at most")
    parser.add_argument("--threshold", type=float, default=THRESHOLD)
    parser.add_argument("--out", type=Path, default=Path("gate_proof.jsonl"))
    parser.add_argument("--table", type=Path, nargs="*", help="only draw the table of these files")
    options = parser.parse_args()
    if options.table is None:
        if options.same:
            run_kind("nothing", options.same, "", options)
        for entry in options.wrong:
            kind, _, runs = entry.partition(":")
            run_kind(f"wrong {kind}", int(runs), _WRONG[kind], options)
        for waiting, entries in ((False, options.slower), (True, options.waiting)):
            for entry in entries:
                share, runs = float(entry.partition(":")[0]), int(entry.partition(":")[2])
                name = f"{share:.0%} more {'waiting' if waiting else 'work'}"
                run_kind(name, runs, _SLOWER.format(share=share, waiting=waiting), options)
    files = options.table or [options.out]
    print(table(json.loads(line) for file in files for line in file.read_text().splitlines()))


if __name__ == "__main__":
    main()
