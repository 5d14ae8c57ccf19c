"""Two ways to 8 bits on a processor, held against fp32: torchao's weights alone, and torch's own dynamic quantisation.

`python -m benchmarks.int8 FOLDER` prints the divergence of the next token on the fixed questions, and seconds of a pass
over them, for a model that transformers load. Needs the extra `int8`.
"""

import copy
import sys
import time
from typing import Any

import torch
from torchao.quantization import Int8WeightOnlyConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TorchAoConfig

from bench.model.drift import drift
from bench.train.applied.questions import QUESTIONS


def main(folder: str) -> None:
    """Print one line for each."""
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = [tokenizer(question)["input_ids"] for question in QUESTIONS]
    whole: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    config = TorchAoConfig(quant_type=Int8WeightOnlyConfig())
    weights = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, quantization_config=config).eval()
    dynamic = torch.ao.quantization.quantize_dynamic(copy.deepcopy(whole), {torch.nn.Linear}, dtype=torch.qint8)
    for name, model in (("fp32", whole), ("torchao, weights alone", weights), ("torch, dynamic", dynamic)):
        moved = drift(model, whole, rows)
        print(f"{name}: KL {moved.kl:.4f}, top-1 changed {moved.changed_top:.1%}, {_seconds(model, rows):.2f} s")


@torch.inference_mode()
def _seconds(model: Any, rows: list[list[int]]) -> float:
    started = time.perf_counter()
    for row in rows:
        model(input_ids=torch.tensor([row]))
    return time.perf_counter() - started


if __name__ == "__main__":
    main(sys.argv[1])
