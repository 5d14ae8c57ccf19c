"""A program of the user's own is a training: its rows are counted, its weights are checked, its failure says why."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from bench.emit import ignore_event
from bench.errors import InputError
from bench.record.jobs.train_job import TrainJob
from bench.run.process.failure_report import FailureReport
from bench.suite.resolved import ProgramFile
from bench.suite.tables.training.command import TrainingCommand
from bench.train.planning.exact_counts import count_training
from bench.train.programs.command import run_command, words_of
from bench.train.programs.process import environment_of
from bench.train.programs.rows import ROWS
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data

COPY = """
import json, os, shutil, sys
rows, out, ready, seen, rate, rank = sys.argv[1:]
lines = [json.loads(line) for line in open(rows)]
home = os.listdir(os.environ["HOME"])
told = {"rows": lines, "names": sorted(os.environ), "home": home, "told": [rate, rank]}
json.dump(told, open(seen, "w"))
print("read", len(lines), "rows")
shutil.copytree(ready, out, dirs_exist_ok=True)
"""
"""Reads the rows, tells what it saw, and writes weights that lie ready: as a training would, in no time."""


@pytest.fixture(scope="module")
def ready(world: Path) -> dict[str, Path]:
    """Weights that a training could have written, by method."""
    folders = {method: world / f"ready-{method}" for method in ("lora", "full", "other")}
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(world / "base")
    with torch.no_grad():
        base.model.layers[0].self_attn.q_proj.weight.add_(0.5)
    base.save_pretrained(folders["full"])
    adapted = get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False))
    adapted.save_pretrained(folders["lora"])
    again = AutoModelForCausalLM.from_pretrained(world / "base")
    get_peft_model(again, LoraConfig(r=2, target_modules=["lm_head"])).save_pretrained(folders["other"])
    renamed = json.loads((folders["other"] / "adapter_config.json").read_text())
    (folders["other"] / "adapter_config.json").write_text(json.dumps({**renamed, "target_modules": ["q_proj"]}))
    return folders


def job_of(
    world: Path,
    root: Path,
    script: str,
    *words: str,
    method: str = "lora",
    lora: dict[str, Any] | None = None,
    **command: Any,
) -> TrainJob:
    (root / "train.py").write_text(script, encoding="utf-8")
    run = ("${python}", "train.py", "${rows}", "${out}", *words)
    table: Mapping[str, Any] = {"run": run, "files": ("train.py",), **command}
    told = {"method": method, "engine": "command", "command": table, "batch_rows": 2, "learning_rate": None}
    recipe = make_recipe(**told, lora=lora)
    job = make_job(
        resolved_model(world / "base"),
        stored_data(root, make_rows(5)),
        recipe=recipe,
        budget={"unit": "epochs", "amount": 2},
    )
    file = ProgramFile(name="train.py", path=str(root / "train.py"), sha256="0" * 64)
    return job.model_copy(update={"program": (file,)})


def test_the_rows_are_the_schedule_and_what_is_counted(
    world: Path, ready: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hunter2")
    monkeypatch.setenv("MINE", "passed")
    seen = tmp_path / "seen.json"
    words = (str(ready["lora"]), str(seen), "${seed}", "${lora_r}")
    job = job_of(world, tmp_path, COPY, *words, lora={"r": 4}, environment=("MINE",))
    result = run_command(job, tmp_path / "job", ignore_event)
    told = json.loads(seen.read_text())
    rows, counts = told["rows"], count_training(job)
    assert [row["step"] for row in rows] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert sum(len(row["input_ids"]) for row in rows) == result.ledger.tokens == counts.tokens
    supervised = sum(label != -100 for row in rows for label in row["labels"])
    assert supervised == result.ledger.supervised_tokens == counts.supervised_tokens
    assert all(len(row["input_ids"]) == len(row["labels"]) for row in rows)
    assert [turn["role"] for turn in rows[0]["messages"]] == ["user", "assistant"]
    assert told["told"] == [str(job.seed), "4"]
    assert told["home"] == []
    assert "MINE" in told["names"]
    assert "HF_TOKEN" not in told["names"]
    assert (result.steps, result.ledger.steps, result.diverged) == ((), 5, False)
    assert result.ledger.tokens_per_second == pytest.approx(counts.tokens / result.ledger.seconds.compute)
    assert not (tmp_path / "job" / ROWS).exists()


@pytest.mark.parametrize("method", ["lora", "full"])
def test_what_it_wrote_is_held_against_the_base(
    world: Path, ready: dict[str, Path], tmp_path: Path, method: str
) -> None:
    job = job_of(world, tmp_path, COPY, str(ready[method]), str(tmp_path / "seen"), "-", "-", method=method)
    result = run_command(job, tmp_path / "job", ignore_event)
    assert result.applied.norm
    assert (result.weights_check is not None) == (method == "lora")
    assert (result.trainable_parameters < result.parameters) == (method == "lora")


@pytest.mark.parametrize(
    ("wrote", "method", "what"),
    [
        ("other", "lora", "no place in"),
        ("full", "lora", 'method = "lora" asks for adapter_config.json'),
        ("lora", "full", 'method = "full" asks for config.json'),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    world: Path, ready: dict[str, Path], tmp_path: Path, wrote: str, method: str, what: str
) -> None:
    job = job_of(world, tmp_path, COPY, str(ready[wrote]), str(tmp_path / "seen"), "-", "-", method=method)
    with pytest.raises(InputError, match=what):
        run_command(job, tmp_path / "job", ignore_event)


def test_a_failure_has_the_end_of_the_programs_log(
    world: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Progress bars before it took all of a message's room."""
    bars = "print('step 1')\nfor n in range(30): print(f'Loading weights: {n} of 30', end='\\r')"
    job = job_of(world, tmp_path, f"{bars}\nraise ValueError('no such optimiser')")
    with pytest.raises(RuntimeError, match=r"failed \(exit 1\): .*ValueError: no such optimiser$") as raised:
        run_command(job, tmp_path / "job", ignore_event)
    assert FailureReport.of(raised.value).message.endswith("no such optimiser")
    assert "step 1" in capfd.readouterr().out


def test_a_program_that_takes_too_long_is_ended_with_its_children(world: Path, tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = f"sleep 60 & echo $! > {child}; echo begun; sleep 60"
    job = job_of(world, tmp_path, script, run=("sh", "train.py", "${rows}", "${out}"), seconds=3.0)
    with pytest.raises(RuntimeError, match=r"ended after 3 s\): begun"):
        run_command(job, tmp_path / "job", ignore_event)
    pid = int(child.read_text())
    if psutil.pid_exists(pid):
        gone, alive = psutil.wait_procs([psutil.Process(pid)], timeout=10)
        assert gone
        assert not alive


def test_a_program_that_is_not_there_is_said_to_be_so(world: Path, tmp_path: Path) -> None:
    job = job_of(world, tmp_path, "", run=("no-such-program", "${rows}", "${out}"))
    with pytest.raises(RuntimeError, match="no-such-program does not start: No such file"):
        run_command(job, tmp_path / "job", ignore_event)


def test_words_are_filled_and_files_found() -> None:
    command = TrainingCommand(run=("${python}", "train.py", "--rows=${rows}", "${out}", "$$HOME"), files=("train.py",))
    values = {"python": sys.executable, "rows": "/r", "out": "/o"}
    assert words_of(command, values, {"train.py": "/suite/train.py"}) == [
        sys.executable, "/suite/train.py", "--rows=/r", "/o", "$HOME",
    ]  # fmt: skip
    assert environment_of(Path("/h"), 3)["OMP_NUM_THREADS"] == "3"
