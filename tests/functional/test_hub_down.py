"""A hub that refuses while a run is at work costs the eval whose rows it has, and nothing else."""

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
arms = { data = ["few"], recipe = ["lora"] }
data.few = { source = "micro:curated", select = { by = "first", size = 16 } }
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


def bench(folder: Path, hub: FakeHub) -> tuple[int, Record, str]:
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
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    run = RunDirectory.find("away", folder / "reports")
    return done.returncode, run.load(), (run.path / "report.md").read_text(encoding="utf-8")


def test_a_hub_that_refuses_costs_one_eval_and_the_next_run_does_that_alone(tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(SUITE)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "colours.yaml").write_text(TASK)
    repos: dict[str, dict[str, bytes]] = {}
    with FakeHub(repos) as hub:
        code, record, report = bench(tmp_path, hub)
        failed = {job.id: job.failure for job in record.jobs if job.failure is not None}
        assert code == 3
        assert set(failed) == {"eval:there:base", "eval:there:few/lora#0"}
        for failure in failed.values():
            assert failure.kind == "refused"
            assert "colours cannot be loaded" in failure.message
            assert "org/colours" in failure.message
            assert failure.message.split(":")[0] in report
        repos["org/colours"] = {"README.md": b"", "data/train.jsonl": ROWS}
        code, record, _ = bench(tmp_path, hub)
        assert code == 0
        assert record.complete
        assert {job.id for job in record.jobs if not job.reused} == set(failed)
