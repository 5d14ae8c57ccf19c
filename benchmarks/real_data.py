"""Published data sets through loading, selection, rendering and a short training, and what came of each.

    python benchmarks/real_data.py --model FOLDER --alpaca alpaca_data.json --lima lima_1k.jsonl \\
        --alpagasus claude_t45.json --gsm8k train.jsonl --gsm8k-test test.jsonl --longest alpaca_1k_longest.json

Each file is optional but the model's folder. From Alpaca it also draws the 1,000 longest, 1,000 diverse rows, and a
random control of the same size; of everything 200 rows of Alpaca (or of GSM8K's test set) are held out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
SETS = ("alpaca", "lima", "alpagasus", "gsm8k", "longest")


def suite(files: dict[str, Path], model: Path, *, held_out: Path | None, steps: int) -> str:
    """The suite's text."""
    tables = [f'[data.{name}]\nsource = "{path}"' for name, path in files.items()]
    arms = list(files)
    if "alpaca" in files:
        tables.append('[data.longest_of_alpaca]\nsource = "data:alpaca"\nselect = { by = "longest", size = 1000 }')
        tables[-1] += "\ncontrol = true"
        tables.append('[data.diverse_of_alpaca]\nsource = "data:alpaca"\nselect = { by = "diverse", size = 1000 }')
        arms += ["longest_of_alpaca", "longest_of_alpaca_control", "diverse_of_alpaca"]
    data = f'source = "{held_out}"' if held_out else f'source = "data:{arms[0]}"'
    names = ", ".join(f'"{name}"' for name in arms)
    return "\n".join(
        [
            'name = "real_data"\nquestion = "Do published data sets pass through?"\nseeds = [0]',
            f'[model]\npath = "{model}"\ntemplate = "alpaca"',
            *tables,
            '[recipe.full]\nmethod = "full"\nlearning_rate = 1e-3\nbatch_rows = 8',
            f'[budget]\nunit = "steps"\namount = {steps}',
            f'[arms]\ndata = [{names}]\nrecipe = ["full"]',
            '[[eval]]\nname = "heldout"\nkind = "loss"',
            f'data = {{ {data}, select = {{ by = "holdout", size = 200 }} }}',
        ]
    )


def main() -> None:
    """Run it and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of a small base")
    for name in (*SETS, "gsm8k-test"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--steps", type=int, default=30)
    arguments = parser.parse_args()
    files = {name: getattr(arguments, name).resolve() for name in SETS if getattr(arguments, name)}
    if not files:
        parser.error("give at least one data file")
    held_out = arguments.gsm8k_test.resolve() if arguments.gsm8k_test else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "suite.toml").write_text(
            suite(files, arguments.model.resolve(), held_out=held_out, steps=arguments.steps)
        )
        report(folder)


def report(folder: Path) -> None:
    """Run the suite in `folder` and print what the rows and the trainings were."""
    from rich.console import Console

    from bench.run.display import make_display
    from bench.run.resolve.suite import resolve
    from bench.run.run import run_suite
    from bench.show.data import show_data
    from bench.suite.load import load_suite

    loaded, home = load_suite(folder / "suite.toml"), folder / "home"
    started = time.monotonic()
    resolve(loaded, home=home)
    print(f"loading and selection: {time.monotonic() - started:.1f} s")
    with make_display(Console(stderr=True), quiet=True) as display:
        run = run_suite(loaded, home=home, reports=folder / "reports", display=display)
    record = run.load()
    trained = {one.arm: one for one in record.trainings}
    scored = {one.arm: one.result for one in record.evaluations}
    print(
        f"{'arm':<31} {'source':>7} {'taken':>7} {'doubles':>7} {'cut':>6} {'empty':>6} {'median':>6}"
        f" {'first':>6} {'last':>6} {'heldout':>7}  dropped"
    )
    print(f"{'base':<31} {'':>61} {_heldout(scored[None]):>7}")
    for arm in loaded.suite.expand():
        seen, training = show_data(loaded, arm.name, rows=0, home=home), trained[arm.name]
        if training.result is None:
            print(f"{arm.name:<31} failed: {training.job.failure}")
            continue
        losses = [step.loss for step in training.result.steps if step.loss is not None]
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in seen.dropped.items()) or "none"
        print(
            f"{arm.name:<31} {seen.source_rows:>7,} {seen.rows:>7,} {seen.duplicates:>7,}"
            f" {seen.truncated / seen.measured:>6.1%} {seen.nothing_supervised / seen.measured:>6.1%} {seen.median:>6,}"
            f" {losses[0]:>6.2f} {losses[-1]:>6.2f} {_heldout(scored[arm.name]):>7}  {dropped}"
        )


def _heldout(result: object) -> str:
    measures = getattr(result, "measures", ())
    return next((f"{one.value:.3f}" for one in measures if one.headline and one.value is not None), "n/a")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
