"""Packed bf16 trainings, full and LoRA, and TRL's `SFTTrainer` with its defaults on the same rows."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.gpu.command import bench, record
from benchmarks.gpu.shapes import ROOT, Shape, make_base, make_rows


def training_suite(base: Path, rows: Path, shape: Shape) -> str:
    """Packed bf16 trainings, full and LoRA, one after the other."""
    recipe = f'batch_rows = {shape.batch_rows}\nmax_length = {shape.length}\nprecision = "bf16"\npacking = "bfd"\n'
    return f"""
name = "gpu"
question = "How fast is a training of this shape?"
seeds = [0]
[model]
path = "{base}"
template = "alpaca"
[data.rows]
source = "{rows}"
[recipe.full]
method = "full"
learning_rate = 1e-5
{recipe}
[recipe.lora]
method = "lora"
learning_rate = 1e-4
lora = {{ r = 16, alpha = 32, target_modules = "all-linear" }}
{recipe}
[budget]
unit = "steps"
amount = {shape.steps}
[arms]
data = ["rows"]
recipe = ["full", "lora"]
[run]
workers = 1
"""


def train_ours(folder: Path, shape: Shape) -> list[dict[str, Any]]:
    """One row per arm: speed, MFU, peak memory and what the plan said."""
    base, rows = make_base(folder / "base", shape), make_rows(folder / "rows.jsonl", shape)
    suite = folder / "gpu.toml"
    suite.write_text(training_suite(base, rows, shape))
    planned = json.loads(bench("plan", str(suite), "--quick", "--json", home=folder))
    memory = {arm["arm"]: arm["memory_bytes"] for arm in planned["arms"]}
    bench("run", str(suite), "--quiet", home=folder)
    return [_trained(shape, training, memory) for training in record(folder, "gpu")["trainings"]]


def _trained(shape: Shape, training: dict[str, Any], memory: dict[str, int]) -> dict[str, Any]:
    row = {"part": "training", "case": f"{shape.name} {training['arm'].removeprefix('rows/')}, packed bf16"}
    if training["result"] is None:
        return {**row, "failed": str((training["job"]["failure"] or {}).get("message", "failed"))[:200]}
    ledger = training["result"]["ledger"]
    utilization = ledger["utilization"] or {}
    peak, peak_flops = ledger["peak_device_bytes"], utilization.get("peak_flops_per_second")
    return {
        **row,
        "tokens_per_second": ledger["tokens_per_second"],
        "mfu": utilization["flops_per_second"] / peak_flops if peak_flops else None,
        "peak_bytes": peak or ledger["peak_process_bytes"],
        "planned_bytes": memory[training["arm"]],
        "head": training["result"]["head"],
    }


def train_theirs(folder: Path, shape: Shape) -> dict[str, Any]:
    """TRL's trainer with its defaults on the same rows, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--default-trainer", str(folder), shape.name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    row: dict[str, Any] = {"part": "training", "case": f"{shape.name} full, SFTTrainer's defaults"}
    if done.returncode:
        return {**row, "failed": done.stderr.strip()[-200:]}
    return {**row, **json.loads(done.stdout.splitlines()[-1])}


def default_trainer(folder: Path, shape: Shape) -> dict[str, Any]:
    """Tokens per second without padding, over the steps behind the first two, and the peak of memory."""
    import torch
    from datasets import Dataset
    from transformers import AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    class Clock(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
        """When each step ended."""

        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, *_: Any, **__: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.ends.append(time.perf_counter())

    lines = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    pairs = [{"prompt": line["instruction"] + "\n", "completion": line["output"]} for line in lines]
    steps = max(5, shape.steps // 2)
    arguments = SFTConfig(
        output_dir=str(folder / "theirs"), max_steps=steps, save_strategy="no", report_to="none", disable_tqdm=True,
        bf16=torch.cuda.is_available(), use_cpu=not torch.cuda.is_available(), seed=0, max_length=shape.length,
    )  # fmt: skip
    tokens: list[int] = []
    clock = Clock()
    trainer = SFTTrainer(
        model=str(folder / "base"),
        args=arguments,
        train_dataset=Dataset.from_list(pairs),
        processing_class=AutoTokenizer.from_pretrained(folder / "base"),
        callbacks=[clock],
    )
    collate = trainer.data_collator

    def counting(examples: list[dict[str, Any]]) -> Any:
        tokens.append(sum(len(example["input_ids"]) for example in examples))
        return collate(examples)

    trainer.data_collator = counting
    trainer.train()
    seconds = clock.ends[-1] - clock.ends[1]
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    return {"tokens_per_second": sum(tokens[2:steps]) / seconds, "peak_bytes": peak}


def training(folder: Path, shapes: tuple[Shape, ...]) -> list[dict[str, Any]]:
    """All trainings, shape by shape."""
    rows: list[dict[str, Any]] = []
    for shape in shapes:
        place = folder / shape.name
        place.mkdir()
        rows += [*train_ours(place, shape), train_theirs(place, shape)]
    return rows
