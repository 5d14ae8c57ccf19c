"""The question answered by `bench run`, and how either side is started."""

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.end_to_end.question import FLAGSHIP, RATES, ROOT, TASKS, Question, Scores


def suite_text(question: Question) -> str:
    """The suite that asks what the script asks."""
    lines = [
        f'name = "{question.name}"\nquestion = "Which of two recipes?"\nseeds = [0]',
        f'[model]\npath = "{question.base}"',
        '[data.curated]\nsource = "micro:curated"',
        *(f'[recipe.{method}]\nmethod = "{method}"\nlearning_rate = {rate}\nbatch_rows = {question.batch}\n'
          'schedule = "constant"\nwarmup = 0\nweight_decay = 0.0\ngroup_by_length = true\n'
          f'precision = "{question.precision}"'
          for method, rate in RATES.items()),
        f'[budget]\nunit = "steps"\namount = {question.steps}',
        '[arms]\ndata = ["curated"]\nrecipe = ["full", "lora"]',
        *(f'[[eval]]\nname = "{task}"\nkind = "lm_eval"\ntasks = ["micro_{task}"]\ninclude = "{TASKS}"\n'
          f'template = "none"\nlimit = {question.limit}' for task in question.plain),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


NAMES = {"lima_1k": "curated", "random_1k": "random", "alpaca_52k": "mixed"}
"""The script's names of the flagship's data."""


def ours(question: Question, folder: Path) -> Scores:
    """`bench run` in a home of its own."""
    suite = FLAGSHIP
    if not question.held_out:
        suite = folder / "suite.toml"
        suite.write_text(suite_text(question), encoding="utf-8")
    finished([sys.executable, "-m", "bench", "run", str(suite), "--quiet", "--go-on", "--set", "seeds=[0]"], folder)
    record = json.loads((folder / "reports" / question.name / "latest" / "record.json").read_text())
    scores = Scores()
    for entry in record["evaluations"]:
        data, _, recipe = (entry["arm"] or "base").partition("/")
        name = f"{NAMES.get(data, data)}/{recipe}" if recipe else "base"
        for measure in entry["result"]["measures"]:
            if measure["headline"]:
                scores[name, entry["eval"]] = measure["value"]
    return scores


def finished(command: list[str], folder: Path) -> str:
    """Standard output of a command with homes of its own. Ends the benchmark where it fails."""
    homes = {"BENCH_HOME": str(folder / "home"), "HF_HOME": str(folder / "hf")}
    environment = {**os.environ, **homes, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr[-2000:])
    return done.stdout
