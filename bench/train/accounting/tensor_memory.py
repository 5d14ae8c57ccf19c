"""Bytes of tensors that are alive at once in one forward and backward pass, counted without a device.

The pass runs on the meta device: shapes without numbers. Each storage counts from the operation that makes it until
nothing refers to it any more. What kernels use inside an operation is not seen, nor is fragmentation: this is an exact
count to compare two versions by, not the memory that a machine needs.
"""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from bench.model.head import selected_logits
from bench.model.torch_private import TorchDispatchMode, storage_key, tree_iter
from bench.train.batches.collate import collate, model_inputs
from bench.train.batches.encoded_row import Batch

_ADAM_STATES = 2
_WHERE = torch.ops.prim.device.default
"""What autograd asks of a tensor that is laid out for a device without being there, in two of three operations."""


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves its hooks untyped
    """While active, follows every storage that an operation makes; `peak` is the most that was alive at once."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # same
        self.alive = 0
        self.peak = 0
        self._known: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Runs the operation and counts what it made."""
        if func is _WHERE:
            return func(*args)
        inputs = {storage_key(tensor) for tensor in tree_iter((args, kwargs)) if _is_stored(tensor)}
        result = func(*args, **(kwargs or {}))
        for tensor in tree_iter(result):
            if _is_stored(tensor) and storage_key(tensor) not in inputs:
                self._follow(tensor)
        return result

    def _follow(self, tensor: Tensor) -> None:
        storage, key = tensor.untyped_storage(), storage_key(tensor)
        if key in self._known:
            return
        size = storage.nbytes()

        def gone(_: object) -> None:
            self._known.pop(key, None)
            self.alive -= size

        self._known[key] = weakref.ref(storage, gone)
        self.alive += size
        self.peak = max(self.peak, self.alive)


def _is_stored(value: Any) -> bool:
    """Whether `value` is a tensor of a storage; a sparse one is made of others, of few rows."""
    return isinstance(value, Tensor) and not value.is_sparse


def peak_tensor_bytes(model: torch.nn.Module, batch: Batch, *, packed: bool) -> int:
    """Peak bytes of one optimiser step on `batch`. `model` is on the meta device, in training mode, at its training
    precision.

    Weights and two moments of each trainable one are alive throughout; gradients from where they are made.
    """
    weights: int = sum(value.numel() * value.element_size() for value in model.parameters())
    moments: int = sum(value.numel() * 4 * _ADAM_STATES for value in model.parameters() if value.requires_grad)
    tensors = {
        name: value.to("meta") if torch.is_tensor(value) else value
        for name, value in collate(batch, 0, "positions and mask" if packed else None).items()
    }
    model.train()
    with LiveBytes() as live:
        logits = selected_logits(model, tensors["rows"], tensors["columns"], **_inputs(tensors))
        loss = functional.cross_entropy(logits.float(), tensors["targets"], reduction="sum")
        torch.autograd.backward(loss)
    peak: int = live.peak
    return weights + moments + peak


def _inputs(tensors: dict[str, Any]) -> dict[str, Any]:
    """Inputs with a mask where there is none: transformers would look into the values of a mask that it builds."""
    inputs = model_inputs(tensors)
    if "attention_mask" not in inputs:
        rows, width = inputs["input_ids"].shape
        inputs["attention_mask"] = torch.ones((rows, 1, width, width), dtype=torch.bool, device="meta")
    if "position_ids" not in inputs:
        inputs["position_ids"] = torch.zeros_like(inputs["input_ids"])
    return inputs
