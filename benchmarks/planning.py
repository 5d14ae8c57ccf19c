"""A suite of many arms: its first plan, the plan again, its report. Processor seconds of all processes, and the clock.

The arms are two methods × 20 rates × 25 draws of an embedded data set on the embedded base, with two evals; finished
jobs are made up, so that nothing is trained. Python's files are compiled before, as an installation has them.
`python -m benchmarks.planning [ARMS]`
"""

import compileall
import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench
from bench.record.files import SCORES
from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import ProbeJob, TrainJob
from bench.record.results.evals.evaluation import ScoreRow
from bench.record.store import JobStore, write_result
from bench.report.cached_report import VIEW
from bench.run.plan.plan import plan
from bench.run.resolve.suite import resolve
from bench.suite.load import load_suite
from tests.fakes.worker import eval_result, training_result

SUBREAPER = 36
"""`PR_SET_CHILD_SUBREAPER`: the fork server, which outlives its parent, is then this process's to wait for."""
RATES, METHODS = 20, ("full", "lora")
EVALS = {"a": 300, "b": 600}
"""Rows by eval."""


def suite_text(arms: int) -> str:
    """The suite: as many data sets as it takes."""
    recipes = [f"{method}{number}" for method in METHODS for number in range(RATES)]
    data = [f"draw{number}" for number in range(max(1, arms // len(recipes)))]
    lines = ['name = "many"', 'question = "Which of many?"', "seeds = [0]", '[model]\ncard = "micro"']
    for number, name in enumerate(data):
        select = f'{{ by = "random", size = 200, seed = {number} }}'
        lines.append(f'[data.{name}]\nsource = "micro:mixed"\nselect = {select}')
    for name in recipes:
        method = name.rstrip("0123456789")
        rate = 1e-4 * 1.1 ** int(name.removeprefix(method))
        lines.append(f'[recipe.{name}]\nmethod = "{method}"\nlearning_rate = {rate:.6g}')
    lines.append('[budget]\nunit = "tokens"\namount = 5000')
    lines.append(f"[arms]\ndata = {_names(data)}\nrecipe = {_names(recipes)}\n[run]\nprobe_steps = 0")
    for name, rows in EVALS.items():
        select = f'{{ by = "first", size = {rows} }}'
        source = f'{{ source = "micro:heldout", select = {select} }}'
        lines.append(f'[[eval]]\nname = "{name}"\nkind = "loss"\ndata = {source}')
    return "\n".join(lines) + "\n"


def _names(names: list[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def finish(suite: Path, home: Path) -> None:
    """Every job of the suite, done: results are made up."""
    store, score = JobStore(home=home), eval_result(1.0)
    for planned in plan(resolve(load_suite(str(suite)), home=home), home=home).jobs:
        if isinstance(planned.job, ProbeJob):
            continue
        folder = store.begin(planned.job)
        if isinstance(planned.job, TrainJob):
            write_result(folder, training_result())
            (folder / "weights").mkdir()
            (folder / "weights" / "adapter.safetensors").write_bytes(b"w")
        else:
            name = planned.job.eval.name if isinstance(planned.job, EvalJob) else ""
            rows = [ScoreRow(task=name, id=str(number), metrics={"acc": 1.0}, prompt="q") for number in range(2)]
            (folder / SCORES).write_text("".join(row.model_dump_json() + "\n" for row in rows), encoding="utf-8")
            write_result(folder, score)
        store.commit(planned.digest, started="2026-01-01T00:00:00Z", seconds=1.0, alone=True)


def timed(name: str, *command: str, home: Path) -> None:
    """Run a command of `bench` and print what it took, the processes that it leaves behind included."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "BENCH_HOME": str(home), "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-m", "bench", *command], env=environment, capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - began
    wait_for_all()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"| {name} | {used:.1f} | {wall:.1f} |" + (f" exit code {done.returncode}" if done.returncode else ""),
        flush=True,
    )
    if done.returncode not in (0, 3):
        print(done.stderr, file=sys.stderr)


def wait_for_all() -> None:
    """Wait for the processes that outlived the command."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def main() -> None:
    """Print the table."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    compileall.compile_dir(Path(bench.__file__).parent, quiet=1)
    arms = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        root, home = Path(folder), Path(folder) / "home"
        suite, reports = root / "many.toml", root / "reports"
        suite.write_text(suite_text(arms), encoding="utf-8")
        print(f"| {arms:,} arms | processor s | clock s |\n| --- | ---: | ---: |")
        timed("first plan", "plan", str(suite), "--quick", home=home)
        timed("plan again", "plan", str(suite), "--quick", home=home)
        finish(suite, home)
        timed("finished suite, run and reported", "run", str(suite), "--quiet", "--reports", str(reports), home=home)
        timed("finished suite again", "run", str(suite), "--quiet", "--reports", str(reports), home=home)
        run = next(reports.glob("many/suite-*/"))
        timed("report again", "report", str(run), home=home)
        (run / VIEW).unlink()
        timed("report, computed anew", "report", str(run), home=home)


if __name__ == "__main__":
    main()
