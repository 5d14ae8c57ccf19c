"""Pretrain a small Llama on one long row of token ids, by seed.

Plain next-token prediction over random crops. On one machine with one number of threads the same seed gives the same
weights; elsewhere floating-point sums may differ in their last bits.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from bench.model.loading.micro import BOS_ID, CONTEXT, EOS_ID, PAD_ID, VOCABULARY


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretraining:
    """Settings of the base's training. The shipped weights come from the defaults."""

    hidden_size: int = 96
    intermediate_size: int = 384
    layers: int = 3
    heads: int = 3
    steps: int = 4000
    batch_size: int = 16
    learning_rate: float = 3e-3
    warmup_steps: int = 150
    weight_decay: float = 0.05
    adam_beta2: float = 0.95
    max_gradient_norm: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingProgress:
    """Progress of a pretraining; `loss` is the mean since the last report, in nats per token."""

    step: int
    steps: int
    loss: float
    tokens_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretrained:
    """Model of a pretraining, and its cost."""

    model: LlamaForCausalLM
    final_loss: float
    """Mean over the last hundred steps, nats per token."""
    tokens: int
    seconds: float


def pretrain(
    ids: NDArray[np.uint16], spec: Pretraining, *, seed: int, progress: Callable[[PretrainingProgress], None]
) -> Pretrained:
    """Train a fresh model on random crops of `ids`; `progress` hears from it every hundred steps."""
    torch.manual_seed(seed)
    model = _model(spec)
    optimizer = _optimizer(model, spec)
    losses: list[float] = []
    started = time.perf_counter()
    for step, batch in enumerate(_crops(ids, spec, seed)):
        for group in optimizer.param_groups:
            group["lr"] = spec.learning_rate * _schedule(step, spec)
        logits = model(input_ids=batch[:, :-1], use_cache=False).logits
        loss = functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        torch.nn.utils.clip_grad_norm_(model.parameters(), spec.max_gradient_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        if (step + 1) % 100 == 0:
            rate = (step + 1) * spec.batch_size * CONTEXT / (time.perf_counter() - started)
            recent = sum(losses[-100:]) / 100
            progress(PretrainingProgress(step=step + 1, steps=spec.steps, loss=recent, tokens_per_second=rate))
    tail = losses[-100:]
    return Pretrained(
        model=model.eval(),
        final_loss=sum(tail) / len(tail),
        tokens=spec.steps * spec.batch_size * CONTEXT,
        seconds=time.perf_counter() - started,
    )


def _model(spec: Pretraining) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=spec.hidden_size,
        intermediate_size=spec.intermediate_size,
        num_hidden_layers=spec.layers,
        num_attention_heads=spec.heads,
        num_key_value_heads=spec.heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        pad_token_id=PAD_ID,
        bos_token_id=BOS_ID,
        eos_token_id=EOS_ID,
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(config).float().train()


def _optimizer(model: LlamaForCausalLM, spec: Pretraining) -> torch.optim.Optimizer:
    """AdamW, with decay on matrices only."""
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    return torch.optim.AdamW(
        [{"params": matrices, "weight_decay": spec.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=spec.learning_rate,
        betas=(0.9, spec.adam_beta2),
        fused=True,
    )


def _schedule(step: int, spec: Pretraining) -> float:
    """Linear warm-up, then half a cosine down to nothing."""
    if step < spec.warmup_steps:
        return (step + 1) / spec.warmup_steps
    done = (step - spec.warmup_steps) / max(1, spec.steps - spec.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * done))


def _crops(ids: NDArray[np.uint16], spec: Pretraining, seed: int) -> Iterator[torch.Tensor]:
    """`spec.steps` batches of random crops, int64, batch × (CONTEXT + 1)."""
    rng = np.random.default_rng(seed)
    offsets = np.arange(CONTEXT + 1)
    for _ in range(spec.steps):
        starts = rng.integers(0, len(ids) - CONTEXT - 1, size=(spec.batch_size, 1))
        yield torch.from_numpy(ids[starts + offsets].astype(np.int64))
