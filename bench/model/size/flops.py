"""Floating-point operations of training and inference, from a model's shape and what is trainable in it.

Method: every matrix product of m×k by k×n is 2mkn operations. What the model computes is linear in the positions that
pass through it, the query-key pairs, the positions of the head, and the passes themselves (some adapters multiply
weights once for each). Five forward and backward passes over a few tokens on the meta device, counted by the formulas
of torch's `FlopCounterMode`, give the four factors; the fifth checks them. So whatever training leaves out is left out
(weight gradients of frozen matrices under LoRA, Hu et al. 2021; everything below the first adapter), and what it
computes again is counted as it is computed (gradient checkpointing).

All pairs are counted, masked ones included, and what fused kernels compute twice is not: the convention of PaLM's MFU
(Chowdhery et al. 2022). Norms, activations and the optimiser are left out: below 1%.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftType
from torch import Tensor, nn
from torch.utils.flop_counter import flop_registry
from transformers import DynamicCache

from bench.model.head import output_head, selected_logits
from bench.model.size.meta_results import result_of
from bench.model.torch_private import TorchDispatchMode
from bench.model.transformers_private import attention_implementation

_PREFIX = 2
"""Virtual tokens of a learned prefix while counting; how many there are is the caller's `Work` to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Amount of input of some forward passes. Add works to sum over batches."""

    positions: int
    """Positions that pass through the layers: slots, or tokens where padding is not to be counted."""
    pairs: int
    """Query-key pairs: for each sequence its length squared."""
    head_positions: int
    """Positions that the output head is computed at."""
    passes: int = 0
    """Forward passes; 0 where what is done once for each is nobody's in particular."""

    def __add__(self, other: "Work") -> "Work":
        return Work(
            positions=self.positions + other.positions,
            pairs=self.pairs + other.pairs,
            head_positions=self.head_positions + other.head_positions,
            passes=self.passes + other.passes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Operations per unit of each kind of `Work`."""

    position: int
    pair: int
    head_position: int
    forward_pass: int

    def of(self, work: Work) -> int:
        """Operations of `work`."""
        return (
            self.position * work.positions
            + self.pair * work.pairs
            + self.head_position * work.head_positions
            + self.forward_pass * work.passes
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FlopModel:
    """Operations as a linear function of `Work`."""

    forward: Rates
    backward: Rates
    """Operations of one backward pass, with the forward pass that gradient checkpointing repeats in it."""

    def training(self, work: Work) -> int:
        """Forward and backward. The numerator of MFU where `work` leaves padding out and nothing is repeated."""
        return self.forward.of(work) + self.backward.of(work)


def flop_model(model: nn.Module) -> FlopModel:
    """Count a causal language model's operations in its present state: its parameters' `requires_grad` says what is
    trained, and gradient checkpointing counts where it is on.

    `model` may be on the meta device and may carry PEFT adapters; nothing is computed if it does. Where embeddings
    before the rows are learned, its virtual tokens are positions and pairs of the caller's `Work`; those of a learned
    prefix are pairs. Raises `ValueError` for an architecture whose operations are not linear in `Work`, and whatever
    its own forward pass raises without numbers.
    """
    with ExitStack() as stack:
        base, samples = _prepared(model, stack)
        counted = [(sample, _count(base, sample)) for sample in samples]
    forward, backward = (_rates([(sample.work, counts[index]) for sample, counts in counted]) for index in (0, 1))
    return FlopModel(forward=forward, backward=backward)


def run_forward(model: nn.Module) -> None:
    """One forward pass as they are counted. Raises what it raises."""
    with ExitStack() as stack:
        base, samples = _prepared(model, stack)
        _forward(base, samples[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _SequencePass:
    """One pass of one sequence."""

    tokens: int
    reads: int
    """Head positions."""
    prefix: Callable[[], DynamicCache] | None

    @property
    def work(self) -> Work:
        keys = self.tokens + (0 if self.prefix is None else _PREFIX)
        return Work(positions=self.tokens, pairs=self.tokens * keys, head_positions=self.reads, passes=1)


_SIZES = ((2, 1), (2, 2), (3, 1), (4, 1), (6, 3))
"""Tokens and head positions of the passes. The last one is the check."""


def _prepared(model: nn.Module, stack: ExitStack) -> tuple[nn.Module, list[_SequencePass]]:
    """The base to run, in a state that `stack` undoes, and the passes to count."""
    learned: Any = getattr(model, "active_peft_config", None)
    prefix = None
    if learned is not None and learned.is_prompt_learning:
        model = model.get_base_model()  # type: ignore[operator]  # a PeftModel's
        if learned.peft_type == PeftType.PREFIX_TUNING:
            prefix = _prefix_maker(model, learned)
        else:
            embed: Any = model.get_input_embeddings()  # type: ignore[operator]  # a PreTrainedModel's
            hook = embed.register_forward_hook(lambda module, inputs, output: output.requires_grad_())
            stack.callback(hook.remove)
    stack.enter_context(_training_eagerly(model))
    return model, [_SequencePass(tokens=tokens, reads=reads, prefix=prefix) for tokens, reads in _SIZES]


def _prefix_maker(model: nn.Module, learned: Any) -> Callable[[], DynamicCache]:
    """Makes caches that hold the learned keys and values of every layer."""
    heads = learned.num_attention_heads
    shape = (1, heads, _PREFIX, learned.token_dim // heads)
    first = next(model.parameters())

    def make() -> DynamicCache:
        cache = DynamicCache()
        for layer in range(learned.num_layers):
            key, value = (
                torch.zeros(shape, device=first.device, dtype=first.dtype, requires_grad=True) for _ in range(2)
            )
            cache.update(key, value, layer)
        return cache

    return make


def _count(model: nn.Module, sample: _SequencePass) -> tuple[int, int]:
    """Operations of one forward and one backward pass."""
    with _Counter() as forward:
        logits = _forward(model, sample)
    with _Counter() as backward:
        if logits.requires_grad:
            torch.autograd.backward(logits.float().sum())
    return forward.total, backward.total


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves its hooks untyped
    """`FlopCounterMode` without its account by module, which takes most of its time."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # same
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Runs the operation and counts it."""
        result = result_of(func, args, kwargs or {})
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=result)
        return result


@torch.enable_grad()
def _forward(model: nn.Module, sample: _SequencePass) -> Tensor:
    """Logits [head positions, vocabulary]; at all positions where there is no head to narrow."""
    device = next(model.parameters()).device
    ids = torch.zeros((1, sample.tokens), dtype=torch.long, device=device)
    work = sample.work
    inputs: dict[str, Any] = {
        "input_ids": ids,
        # A ready-made mask: transformers would look into the values of its own, and meta tensors have none.
        "attention_mask": torch.zeros((1, 1, sample.tokens, work.pairs // sample.tokens), device=device),
        "position_ids": ids,
    }
    cache = {"use_cache": False} if sample.prefix is None else {"past_key_values": sample.prefix(), "use_cache": True}
    reads = torch.arange(sample.reads, device=device)
    if output_head(model) is None:
        logits: Tensor = model(**inputs, **cache).logits
        return logits[0]
    return selected_logits(model, torch.zeros_like(reads), reads, **inputs, **cache)


@contextmanager
def _training_eagerly(model: Any) -> Iterator[None]:
    """Training mode, in which checkpointing works, with attention as plain products, which the counter knows."""
    training, gradients = model.training, [(parameter, parameter.grad) for parameter in model.parameters()]
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    attention = attention_implementation(inner.config)
    try:
        if attention is not None:
            inner.set_attn_implementation("eager")
        model.train()
        yield
    finally:
        model.train(training)
        if attention is not None:
            inner.set_attn_implementation(attention)
        for parameter, gradient in gradients:
            parameter.grad = gradient


def _rates(counted: list[tuple[Work, int]]) -> Rates:
    """The factors that the counts follow from. Raises `ValueError` if they do not follow from any."""
    (two, at_two), (_, read_twice), (three, at_three), (_, at_four), (check, at_check) = counted
    head = read_twice - at_two
    pair, odd = divmod(at_four - 2 * at_three + at_two, 2)  # the second difference of n² is 2
    position = at_three - at_two - pair * (three.pairs - two.pairs)
    rest = at_two - position * two.positions - pair * two.pairs - head * two.head_positions
    rates = Rates(position=position, pair=pair, head_position=head, forward_pass=rest)
    if odd or rates.of(check) != at_check or min(position, pair, head) < 0:
        raise ValueError("the operations of this architecture do not follow from its tokens and pairs")
    return rates
