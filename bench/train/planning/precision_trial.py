"""Speed of fp32 and bf16 on this device: one training step of a model's shape, timed in both.

Contract: nothing is read but the model's configuration; weights are random, the same each time. The step has the first
layers of the model alone, and of its head as much as belongs to them. The two precisions are timed in turn, and the
fastest step of each counts, on a processor by the time of its threads: other programs weigh on neither.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM

from bench.machine.device import dtype_of, pick_device
from bench.model.head import output_head
from bench.model.loading.load import load_config, runs_code
from bench.record.results.training.facts import PrecisionTrial
from bench.suite.resolved import ResolvedModel
from bench.suite.tables.models.precision import Precision

_LAYERS = 2
_SLOTS = (4, 128)
_ROUNDS = 4
_SUPERVISED_SHARE = 0.5


def try_precisions(model: ResolvedModel, *, threads: int) -> PrecisionTrial:
    """Seconds of a step in fp32 and in bf16 with `threads` threads, and in fp32 with one thread. Raises whatever an
    architecture raises that cannot be shortened."""
    shortened, share = _shortened(model)
    shortened.to(pick_device()).train()
    steps: dict[Precision, Callable[[], float]] = {
        precision: lambda precision=precision: _step(shortened, precision, share)  # type: ignore[misc]  # bound now
        for precision in ("fp32", "bf16")
    }
    torch.set_num_threads(threads)
    losses = {precision: step() for precision, step in steps.items()}
    seconds: dict[Precision, float] = dict.fromkeys(steps, float("inf"))
    for _ in range(_ROUNDS):
        for precision, step in steps.items():
            seconds[precision] = min(seconds[precision], _timed(step))
    torch.set_num_threads(1)
    alone = min(_timed(steps["fp32"]) for _ in range(2))
    torch.set_num_threads(threads)
    return PrecisionTrial(
        fp32_seconds=seconds["fp32"],
        bf16_seconds=seconds["bf16"],
        loss_difference=abs(losses["bf16"] - losses["fp32"]),
        threads=threads,
        one_thread_seconds=alone,
    )


def _shortened(model: ResolvedModel) -> tuple[Any, float]:
    """The model's first layers with random weights, and their share of all."""
    config = load_config(model)
    text = config.get_text_config()
    layers = text.num_hidden_layers
    kept = min(_LAYERS, layers)
    text.num_hidden_layers = kept
    if getattr(text, "layer_types", None):
        text.layer_types = text.layer_types[:kept]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        built = AutoModelForCausalLM.from_config(config, dtype=torch.float32, trust_remote_code=runs_code(model))
    return built, kept / layers


def _step(model: Any, precision: Precision, share: float) -> float:
    """Forward and backward over made-up ids; the loss."""
    rows, width = _SLOTS
    device = model.device
    ids = torch.arange(rows * width, device=device).view(rows, width) % model.config.get_text_config().vocab_size
    reads = max(1, int(rows * width * _SUPERVISED_SHARE * share))
    model.zero_grad(set_to_none=True)
    with nullcontext() if precision == "fp32" else torch.autocast(device.type, dtype=dtype_of(precision)):
        hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state.flatten(0, 1)
        logits = output_head(model)(hidden[:reads])
    loss = functional.cross_entropy(logits.float(), ids.flatten()[1 : reads + 1])
    torch.autograd.backward(loss)
    return float(loss.detach())


def _timed(step: Callable[[], float]) -> float:
    """Seconds of a step, of all threads together on a processor; its loss waits for the device."""
    clock = time.process_time if pick_device().type == "cpu" else time.perf_counter
    started = clock()
    step()
    return clock() - started
