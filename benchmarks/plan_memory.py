"""Memory of a training as `bench plan` counts it, beside what the training took, by architecture.

    python -m benchmarks.plan_memory [ARCHITECTURE or FOLDER …] --methods full lora --precisions fp32

Bases of about 40M random weights with the embedded tokenizer, or that of a folder, on a processor; rows are drawn with
a seed. The count and the training are each in a process forked from one that has the libraries, as in a run.
"""

import argparse
import multiprocessing
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    LlamaConfig,
    OPTConfig,
    PreTrainedConfig,
    Qwen2Config,
)

from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import LargestPass
from bench.run.estimate.memory.from_shapes import state_bytes
from bench.run.estimate.memory.on_processor import StepMemory, frees_early
from bench.train.job import run_training
from bench.train.planning.exact_counts import count_training
from bench.train.planning.step_memory import step_bytes
from benchmarks.training import MICRO, make_job

WIDTH, INNER, LAYERS, HEADS, VOCABULARY, POSITIONS = 512, 1536, 8, 8, 16_384, 512
CONFIGS: dict[str, Callable[[], PreTrainedConfig]] = {
    "llama": lambda: LlamaConfig(hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS,
                                 num_attention_heads=HEADS, num_key_value_heads=HEADS // 2, vocab_size=VOCABULARY,
                                 max_position_embeddings=POSITIONS),
    "qwen2": lambda: Qwen2Config(hidden_size=WIDTH, intermediate_size=INNER, num_hidden_layers=LAYERS,
                                 num_attention_heads=HEADS, num_key_value_heads=HEADS // 4, vocab_size=VOCABULARY,
                                 max_position_embeddings=POSITIONS, tie_word_embeddings=True),
    "gpt2": lambda: GPT2Config(n_embd=WIDTH, n_inner=4 * WIDTH, n_layer=LAYERS, n_head=HEADS, vocab_size=VOCABULARY,
                               n_positions=POSITIONS),
    "opt": lambda: OPTConfig(hidden_size=WIDTH, ffn_dim=4 * WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                             vocab_size=VOCABULARY, max_position_embeddings=POSITIONS, word_embed_proj_dim=WIDTH),
}  # fmt: skip


def make_base(folder: Path, architecture: str) -> Path:
    """A base of random weights."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(MICRO)
    config = CONFIGS[architecture]()
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        setattr(config, name, getattr(tokenizer, name))
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def planned(job: TrainJob) -> int:
    """Bytes as a plan counts them."""
    resident, counts, kept = psutil.Process().memory_info().rss, count_training(job), state_bytes(job.recipe.optimizer)

    def total(largest: LargestPass, *, first: bool) -> int:
        tensors = step_bytes(job, largest, state_bytes=kept)
        return StepMemory(process_bytes=resident, tensors=tensors, first=first, frees=frees_early(job.recipe)).total

    later = 0 if counts.later_steps is None else total(counts.later_steps, first=False)
    return max(total(counts.first_step, first=True), later)


def taken(job: TrainJob) -> int:
    """Bytes at the peak of the training."""
    with tempfile.TemporaryDirectory() as folder:
        return run_training(job, Path(folder), lambda event: None, checked=False).ledger.peak_process_bytes or 0


def apart(work: Callable[[TrainJob], int], job: TrainJob) -> int:
    """What `work` says in a fork of this process."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(work, (job,))


def _base(folder: Path, name: str) -> Path:
    """The base of a folder, or one of that architecture, which another process writes."""
    if name not in CONFIGS:
        return Path(name)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(make_base, (folder / name, name))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bases", nargs="*", default=list(CONFIGS), help=f"folders, or of {', '.join(CONFIGS)}")
    parser.add_argument("--methods", nargs="+", default=["full", "lora"])
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--rows", type=int, default=24)
    options = parser.parse_args()
    print(
        "| base | method | precision | planned MiB | measured MiB | planned / measured |\n|---|---|---|---:|---:|---:|"
    )
    for base in options.bases:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            path = _base(folder, base)
            for method in options.methods:
                for precision in options.precisions:
                    job: Any = make_job(folder, path, options.rows, method=method, precision=precision, threads=1)
                    plan, peak = apart(planned, job), apart(taken, job)
                    print(f"| {path.name} | {method} | {precision} | {plan / 2**20:,.0f} | {peak / 2**20:,.0f} | "
                          f"{plan / peak:.2f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
