"""What a loaded form takes, and how far it is from the trained form.

Method: the fixed questions of `bench.train.applied.questions`, none of which a training has seen answered. Prompts are
read in batches, answers are greedy and of one length, so that every form does the same work.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bench.evals.inference.generation.generator import generate
from bench.evals.inference.generation.request import GenerationRequest
from bench.machine.other_load import OtherLoadCounter
from bench.machine.peak_memory import PeakMemory
from bench.model.loading.llama_cpp import LlamaCppModel
from bench.model.torch_private import plain_parts
from bench.record.results.training.ledger import OtherLoad

_ANSWERS, _ANSWER_TOKENS, _WARM_UP_TOKENS = 16, 32, 4
_READ_ROWS = 8
"""Rows of one pass of reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Speed and memory of one form."""

    prompt_tokens_per_second: float
    tokens_per_second: float
    peak_process_bytes: int | None
    peak_device_bytes: int | None
    other_load: OtherLoad


def serving(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Sequence[int]]) -> Serving:
    """Reads `rows` of token ids and answers the first of them, after a warm-up that does not count."""
    memory, others = PeakMemory(model.device), OtherLoadCounter(model.device)
    memory.start()
    _read(model, rows[:_READ_ROWS])
    reading = _read(model, rows)
    _answer(model, tokenizer, rows[:_READ_ROWS], _WARM_UP_TOKENS)
    answering = _answer(model, tokenizer, rows[:_ANSWERS], _ANSWER_TOKENS)
    return Serving(
        prompt_tokens_per_second=reading,
        tokens_per_second=answering,
        peak_process_bytes=memory.process_bytes(),
        peak_device_bytes=memory.device_bytes(),
        other_load=others.seen(),
    )


@torch.inference_mode()
def _read(model: Any, rows: Sequence[Sequence[int]]) -> float:
    """Tokens per second of forward passes over whole rows."""
    batches = [_padded(rows[start : start + _READ_ROWS], model.device) for start in range(0, len(rows), _READ_ROWS)]
    started = time.perf_counter()
    for ids, mask in batches:
        last = model(input_ids=ids, attention_mask=mask).logits[0, 0, 0]
    float(last)  # waits for a device
    return sum(map(len, rows)) / (time.perf_counter() - started)


def _padded(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], device=device)
    mask = torch.tensor([[int(at < len(row)) for at in range(longest)] for row in rows], device=device)
    return ids, mask


def _answer(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Sequence[int]], tokens: int
) -> float:
    """Tokens per second of answers of `tokens` tokens each, which nothing ends earlier."""
    requests = [
        GenerationRequest(prompt=tuple(row), stop_ids=frozenset(), until=(), max_new_tokens=tokens) for row in rows
    ]
    started = time.perf_counter()
    answers = generate(model, tokenizer, requests)
    seconds = time.perf_counter() - started
    return sum(len(answer.ids) for answer in answers if answer is not None) / seconds


def tensor_bytes(model: torch.nn.Module) -> int:
    """Bytes of all weights and buffers, shared ones once, quantised ones as they are stored."""
    if isinstance(model, LlamaCppModel):
        return model.weight_bytes
    stored = {
        (part.untyped_storage().data_ptr(), part.storage_offset()): part.numel() * part.element_size()
        for tensor in (*model.parameters(), *model.buffers())
        for part in plain_parts(tensor)
    }
    return sum(stored.values())
