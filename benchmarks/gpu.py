"""What a GPU gives, in one command: trainings, evals, memory, equality, the micro flagship and the speed gate.

    python -m benchmarks.gpu                      writes gpu.json and prints a table; no part begins after seven minutes
    python -m benchmarks.gpu --tiny --parts all   the same parts on a processor, with shapes of a few thousand weights

Weights are random and rows are drawn with a seed, so that nothing is downloaded. Parts, each measured in processes of
its own: `training` (packed bf16, full and LoRA, at 0.5B and 1.5B Llama shapes: tokens/s, MFU against the measured
matmul peak, peak memory beside the plan's; TRL's `SFTTrainer` with its defaults on the same rows), `evals` (choices and
answers beside lm-evaluation-harness's own model class), `head` (the fused head against plain logits), `flagship` (the
micro suite's first seed on the device and on the processor), `gate` (the speed gate on equal versions and on a
planted 10%). A part that does not finish is in the table with its reason; none begins after `--seconds`.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MICRO = ROOT / "models" / "micro"
WORDS = ("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "jetty", "knoll", "lagoon")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A Llama of random weights, and what it is trained on."""

    name: str
    hidden: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    vocabulary: int
    length: int
    """Tokens of a packed sequence."""
    batch_rows: int
    steps: int
    rows: int


SHAPES = (
    Shape(name="0.5B", hidden=896, inner=4864, layers=24, heads=14, key_heads=2, vocabulary=32_000, length=2048,
          batch_rows=8, steps=24, rows=3000),
    Shape(name="1.5B", hidden=1536, inner=8960, layers=28, heads=12, key_heads=2, vocabulary=32_000, length=2048,
          batch_rows=4, steps=16, rows=1500),
)  # fmt: skip
TINY = (
    Shape(name="tiny", hidden=32, inner=64, layers=2, heads=4, key_heads=2, vocabulary=1024, length=128, batch_rows=2,
          steps=6, rows=80),
)  # fmt: skip
PARTS = ("training", "evals", "head", "flagship", "gate")


def make_base(folder: Path, shape: Shape) -> Path:
    """Writes the model with the embedded base's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(MICRO)
    config = LlamaConfig(
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        vocab_size=max(shape.vocabulary, len(tokenizer)),
        max_position_embeddings=4096,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype=torch.bfloat16,
    )
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_rows(path: Path, shape: Shape) -> Path:
    """Writes rows of instruction and output, from a twentieth of a packed sequence to the whole of it."""
    draw = random.Random(0)
    with path.open("w") as file:
        for _ in range(shape.rows):
            words = [draw.choice(WORDS) for _ in range(draw.randint(shape.length // 40, shape.length // 6))]
            row = {"instruction": " ".join(words[: len(words) // 4]), "output": " ".join(words[len(words) // 4 :])}
            file.write(json.dumps(row) + "\n")
    return path


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


def bench(*arguments: str, home: Path, hidden_gpu: bool = False) -> str:
    """What `bench` prints; raises with the last of its messages where it does not succeed."""
    environment = {**os.environ, "BENCH_HOME": str(home), "PYTHONPATH": str(ROOT)}
    if hidden_gpu:
        environment["CUDA_VISIBLE_DEVICES"] = ""
    command = [sys.executable, "-m", "bench", *arguments]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 3):  # a claim without an answer is no failure here
        raise RuntimeError((done.stderr or done.stdout).strip()[-400:])
    return done.stdout


def record(folder: Path, suite: str) -> dict[str, Any]:
    """The newest record of a suite."""
    result: dict[str, Any] = json.loads((folder / "reports" / suite / "latest" / "record.json").read_text())
    return result


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


def evals(folder: Path, shapes: tuple[Shape, ...]) -> list[dict[str, Any]]:
    """Choices and answers of the smallest shape beside lm-evaluation-harness's own model class."""
    import torch

    from benchmarks import evaluation

    tiny = not torch.cuda.is_available()
    base = make_base(folder / "evaluated", shapes[0])
    dtype = torch.float32 if tiny else torch.bfloat16
    ours = evaluation.ours(base, "fp32" if tiny else "bf16")
    other = evaluation.theirs(base, 4 if tiny else 64, dtype)
    asked = evaluation.generating(evaluation.prompts(4 if tiny else 64), 8 if tiny else 64)
    pairs = evaluation.choosing(evaluation.questions(4 if tiny else 200))
    rows = []
    for name, method, requests, agreement in (
        ("answers", "generate_until", asked, evaluation.equal_text),
        ("choices", "loglikelihood", pairs, evaluation.equal_argmax),
    ):
        ways = [evaluation.Timed(at, lambda lm=lm, m=method, r=requests: getattr(lm, m)(r))
                for at, lm in (("theirs", other), ("ours", ours))]  # fmt: skip
        evaluation.interleaved(ways, 2)
        rows.append({
            "part": "evals", "case": f"{shapes[0].name} {name}", "seconds": min(ways[1].wall),
            "ratio": min(ways[0].wall) / min(ways[1].wall), "agree": agreement(ways[0].result, ways[1].result),
        })  # fmt: skip
    return rows


def head(folder: Path, shapes: tuple[Shape, ...]) -> list[dict[str, Any]]:
    """The largest difference of log-probabilities between the head that training picks here and plain logits."""
    import torch
    from transformers import AutoModelForCausalLM

    from bench.train.loop.loss.lm_head import log_probabilities, pick_head

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = AutoModelForCausalLM.from_pretrained(make_base(folder / "headed", shapes[0]), dtype=torch.float32).to(
        device
    )
    ids = torch.randint(2, 300, (4, 64), generator=torch.Generator().manual_seed(0))
    labels = ids.clone()
    labels[:, :20] = -100
    rows, columns = (labels[:, 1:] != -100).nonzero(as_tuple=True)
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels, "rows": rows,
             "columns": columns, "targets": labels[rows, columns + 1]}  # fmt: skip
    picked = pick_head(model, batch, device=device, compiled=False)
    placed = {key: value.to(device) for key, value in batch.items()}
    with torch.no_grad():
        plain = log_probabilities(model, placed, "all positions")
        other = log_probabilities(model, placed, picked)
    kept = other[other != 0] if picked == "fused" else other
    return [{"part": "head", "case": picked, "difference": float((kept.flatten() - plain).abs().max())}]


def flagship(folder: Path, shapes: tuple[Shape, ...]) -> list[dict[str, Any]]:
    """The micro suite's first seed, on the device and on the processor: largest difference of a score."""
    cut = ["--profile", "micro", "--set", "seeds=[0]", "--set", "budget.amount=6000", "--quiet"]
    if shapes is TINY:
        cut += [
            "--only",
            "lima_1k/full",
            "--set",
            "eval.0.limit=8",
            "--set",
            "eval.1.limit=8",
            "--set",
            "eval.2.limit=8",
        ]
    values = []
    for name in ("device", "processor"):
        place = folder / name
        place.mkdir()
        bench("run", "lima_vs_alpaca", *cut, home=place, hidden_gpu=name == "processor")
        values.append({
            (row["eval"], row["subject"], measure["metric"]): measure["value"]
            for row in record(place, "lima_vs_alpaca")["evaluations"] if row["result"]
            for measure in row["result"]["measures"]
        })  # fmt: skip
    common = [key for key in values[0] if values[0][key] is not None and values[1].get(key) is not None]
    apart = max(abs(values[0][key] - values[1][key]) for key in common)
    return [{"part": "flagship", "case": f"{len(common)} scores, device and processor", "difference": apart}]


def gate(folder: Path, shapes: tuple[Shape, ...]) -> list[dict[str, Any]]:
    """The speed gate on equal versions, and on one that does 10% more work in each step."""
    seconds = "3" if shapes is TINY else "20"
    rows: list[dict[str, Any]] = []
    for name, options in (("equal versions", ["--same", "1"]), ("10% more work", ["--slower", "0.10:1"])):
        out = folder / f"{len(rows)}.jsonl"
        command = [sys.executable, "-m", "benchmarks.gate_proof", *options, "--seconds", seconds, "--out", str(out)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-400:])
        line = json.loads(out.read_text().splitlines()[0])
        ratio = next(iter(line["clocks"].values()))[1]
        rows.append(
            {"part": "gate", "case": name, "answer": line["answer"], "ratio": ratio, "seconds": line["seconds"]}
        )
    return rows


def measured(parts: list[str], shapes: tuple[Shape, ...], seconds: float) -> list[dict[str, Any]]:
    """Rows of all parts; a part that fails, or would begin too late, is a row with its reason."""
    functions: dict[str, Callable[[Path, tuple[Shape, ...]], list[dict[str, Any]]]] = {
        "training": training, "evals": evals, "head": head, "flagship": flagship, "gate": gate,
    }  # fmt: skip
    rows: list[dict[str, Any]] = []
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as name:
        for part in parts:
            if time.monotonic() - started > seconds:
                rows.append({"part": part, "case": "all", "failed": f"not begun: {seconds:.0f} s are over"})
                continue
            folder = Path(name) / part
            folder.mkdir()
            try:
                rows += functions[part](folder, shapes)
            except Exception as error:  # the other parts are still worth having
                rows.append({"part": part, "case": "all", "failed": f"{type(error).__name__}: {error}"[:400]})
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, one line per case."""
    columns = ("tokens_per_second", "mfu", "peak_bytes", "planned_bytes", "seconds", "ratio", "agree", "difference")
    titles = ("tokens/s", "MFU", "peak GiB", "planned GiB", "seconds", "ratio", "agree", "difference")
    lines = [f"| part | case | {' | '.join(titles)} | |", f"|---|---|{'---:|' * len(titles)}---|"]
    for row in rows:
        cells = [_cell(column, row.get(column)) for column in columns]
        note = row.get("failed") or row.get("answer") or row.get("head") or ""
        lines.append(f"| {row['part']} | {row['case']} | {' | '.join(cells)} | {note} |")
    return "\n".join(lines)


def _cell(column: str, value: float | None) -> str:
    if value is None:
        return "–"
    if column.endswith("bytes"):
        return f"{value / 2**30:.2f}"
    return {"tokens_per_second": f"{value:,.0f}", "mfu": f"{value:.1%}", "agree": f"{value:.1%}",
            "difference": f"{value:.1e}"}.get(column, f"{value:.2f}")  # fmt: skip


def device_name() -> str:
    """The GPU, or that there is none."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU: processor"


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="shapes of a few thousand weights")
    parser.add_argument("--parts", default="all", help=f"of {', '.join(PARTS)}, separated by commas")
    parser.add_argument("--seconds", type=float, default=420.0, help="after which no part begins")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--default-trainer", nargs=2, metavar=("FOLDER", "SHAPE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.default_trainer:
        folder, name = options.default_trainer
        shape = next(shape for shape in (*SHAPES, *TINY) if shape.name == name)
        print(json.dumps(default_trainer(Path(folder), shape)))
        return
    parts = list(PARTS) if options.parts == "all" else options.parts.split(",")
    started = time.monotonic()
    rows = measured(parts, TINY if options.tiny else SHAPES, options.seconds)
    result = {"device": device_name(), "seconds": round(time.monotonic() - started, 1), "rows": rows}
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{result['device']}, {result['seconds']} s\n\n{table(rows)}")


if __name__ == "__main__":
    main()
