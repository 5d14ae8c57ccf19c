"""A hub that fails, before a run or while it is at work, costs what needs it, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.record.record import Record
from bench.record.rundir import RunDirectory
from tests.fakes.hub import FakeHub

SUITE = """
name = "away"
question = "What does a hub that is away cost?"
model = { card = "micro" }
budget = { unit = "steps", amount = 2 }
arms = { data = ["few", "far"], recipe = ["lora"] }
data.few = { source = "micro:curated", select = { by = "first", size = 16 } }
data.far = { source = "org/far" }
recipe.lora = { method = "lora", learning_rate = 1e-3 }
run = { workers = 2, probe_steps = 0 }
[[eval]]
name = "here"
kind = "loss"
data = { source = "micro:heldout", select = { by = "first", size = 4 } }
[[eval]]
name = "there"
kind = "lm_eval"
tasks = ["colours"]
include = "tasks"
"""
TASK = """
task: colours
dataset_path: org/colours
output_type: multiple_choice
test_split: train
doc_to_text: "{{question}}"
doc_to_target: 0
doc_to_choice: ["red", "blue"]
metric_list: [{metric: acc}]
"""
ROWS = "".join(json.dumps({"question": f"What colour is thing {n}?"}) + "\n" for n in range(4)).encode()


PAIRS = "".join(json.dumps({"instruction": f"Do {n}.", "input": "", "output": f"Done {n}."}) + "\n" for n in range(8))


def bench(folder: Path, hub: FakeHub) -> tuple[int, Record, str]:
    """Exit code, record, report."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    places = {"BENCH_HOME": str(folder / "home"), "HF_HOME": str(folder / "hf"), "HF_ENDPOINT": hub.url}
    done = subprocess.run(
        [sys.executable, "-m", "bench", "run", "suite.toml"],
        cwd=folder,
        env={**kept, **places, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    run = RunDirectory.find("away", folder / "reports")
    return done.returncode, run.load(), (run.path / "report.md").read_text(encoding="utf-8")


def test_a_hub_that_fails_costs_what_needs_it_and_the_next_run_does_that_alone(tmp_path: Path) -> None:
    """Before the start: the rows of an arm, which are found to be away. Later: those of an eval's tasks. A nightly run
    of ten arms is not lost to one 503."""
    (tmp_path / "suite.toml").write_text(SUITE)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "colours.yaml").write_text(TASK)
    repos = {"org/far": {"README.md": b"", "data/train.jsonl": PAIRS.encode()}}
    with FakeHub(repos, busy={"org/far"}) as hub:
        code, record, report = bench(tmp_path, hub)
        failed = {job.id: job.failure for job in record.jobs if job.failure is not None}
        assert code == 3
        refused = {"eval:there:base", "eval:there:few/lora#0"}
        away = {"train:far/lora#0", "eval:here:far/lora#0", "eval:there:far/lora#0"}
        assert set(failed) == refused | away
        for name in refused:
            assert failed[name].kind == "refused"
            assert "colours cannot be loaded" in failed[name].message
            assert "org/colours" in failed[name].message
            assert failed[name].message.split(":")[0] in report
        for name in away:
            assert failed[name].kind == "unavailable"
            assert "it answered 503" in failed[name].message
        assert "input unavailable" in report
        assert "it answered 503" in report
        hub.busy.clear()
        repos["org/colours"] = {"README.md": b"", "data/train.jsonl": ROWS}
        code, record, report = bench(tmp_path, hub)
        assert code == 0
        assert record.complete
        assert {job.id for job in record.jobs if not job.reused} == set(failed)
        assert "unavailable" not in report
