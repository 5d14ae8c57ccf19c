"""What a decoder layer computes between its products, forward and backward, each in one call of C++.

Contract: tensors are on the processor. What layers add up (the stream) and what products take are of fp32 or bf16, a
stream of bf16 with products of bf16 alone. Each function is what transformers writes in five to fifteen operations of
torch, within rounding: sums are in fp32, and a number is rounded once, where it is stored.
"""

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from bench.model.native.library import native_library
from bench.model.torch_private import has_numbers


def computable(*tensors: Tensor) -> bool:
    """Whether the functions of this file take these tensors, and are compiled on this machine."""
    taken = all(tensor.dtype in (torch.float32, torch.bfloat16) and tensor.device.type == "cpu" for tensor in tensors)
    return taken and native_library() is not None


def normalised(hidden: Tensor, weight: Tensor, epsilon: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Rows [..., width] divided by their root mean square, times `weight` [width], as `dtype`; and one divided by the
    root mean square of each row."""
    width = weight.numel()
    out, inverse = torch.empty_like(hidden, dtype=dtype), hidden.new_empty(hidden.numel() // width, dtype=torch.float32)
    types = _is_half(hidden), _is_half(out)
    _call("norm_forward", *types, hidden, weight.float(), inverse.numel(), width, epsilon, out, inverse)
    return out, inverse


def normalised_back(
    gradient: Tensor, hidden: Tensor, weight: Tensor, inverse: Tensor, *, beside: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Gradients of `hidden`, with what is `beside` added, and of the weight, if that is trained."""
    of_hidden, rows, width = torch.empty_like(hidden), inverse.numel(), weight.numel()
    of_weight = torch.empty_like(weight, dtype=torch.float32) if weight.requires_grad else None
    types = _is_half(hidden), _is_half(gradient)
    given = (gradient, beside, hidden, weight.detach().float(), inverse)
    _call("norm_backward", *types, *given, rows, width, of_hidden, of_weight)
    return of_hidden, None if of_weight is None else of_weight.to(weight.dtype)


def rotate_(heads: Tensor, cosines: Tensor, sines: Tensor, *, back: bool = False) -> Tensor:
    """Turns heads [rows, length, heads, size] in place by the angles [rows or 1, length, size] of their positions
    (RoPE), which are fp32; `back`: by the transposed matrix, as a gradient."""
    rows, length, count, size = heads.shape
    given = (_is_half(heads), heads, cosines, sines)
    _call("rotate", *given, rows * length, count, size, cosines.numel() // size, int(back), heads)
    return heads


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """SiLU of `gate`, times `up`."""
    out = torch.empty_like(gate)
    _call("swiglu_forward", _is_half(gate), gate, up, gate.numel(), out)
    return out


def swiglu_back(gradient: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of `gate` and `up`."""
    of_gate, of_up = torch.empty_like(gate), torch.empty_like(up)
    _call("swiglu_backward", _is_half(gate), gradient, gate, up, gate.numel(), of_gate, of_up)
    return of_gate, of_up


def added(hidden: Tensor, more: Tensor) -> Tensor:
    """The sum of a stream and an output of products, as the stream."""
    out = torch.empty_like(hidden)
    _call("add", _is_half(hidden), _is_half(more), hidden, more, hidden.numel(), out)
    return out


def rms_norm(hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """`normalised` in the stream's type, with a derivative for autograd."""
    result: Tensor = _TrainedNorm.apply(hidden, weight, epsilon)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return result


def log_probability(logits: Tensor, targets: Tensor) -> Tensor:
    """Log-probability [n] of each target [n] under logits [n, vocabulary] of fp32, with a derivative for autograd."""
    result: Tensor = _LogProbability.apply(logits, targets)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return result


class _TrainedNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        hidden = hidden.contiguous()
        out, inverse = normalised(hidden, weight, epsilon, hidden.dtype)
        ctx.save_for_backward(hidden, weight, inverse)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None]:
        return *normalised_back(gradient.contiguous(), *ctx.saved_tensors), None


class _LogProbability(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        logits, targets = logits.contiguous(), targets.contiguous()
        out, log_sums = logits.new_empty(len(targets)), logits.new_empty(len(targets))
        _call("log_probability_forward", logits, targets, *logits.shape, out, log_sums)
        ctx.save_for_backward(logits, targets, log_sums)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        logits, targets, log_sums = ctx.saved_tensors
        of_logits = torch.empty_like(logits)
        _call("log_probability_backward", gradient.contiguous(), logits, targets, log_sums, *logits.shape, of_logits)
        return of_logits, None


def _is_half(tensor: Tensor) -> int:
    return int(tensor.dtype == torch.bfloat16)


def _call(name: str, *arguments: Tensor | int | float | None) -> None:
    """A function of `layer_parts.cpp`: tensors by their memory, whole numbers of 64 bits, and the threads last."""
    if not all(has_numbers(value) for value in arguments if isinstance(value, Tensor)):
        return  # what a step makes is counted beforehand, without numbers
    library = native_library()
    assert library is not None, "asked for before"
    getattr(library, name)(*map(_as_c, arguments), ctypes.c_int(torch.get_num_threads()))


def _as_c(value: Tensor | int | float | None) -> Any:
    if isinstance(value, Tensor):
        return ctypes.c_void_p(value.data_ptr())
    if value is None:
        return ctypes.c_void_p()
    return ctypes.c_float(value) if isinstance(value, float) else ctypes.c_int64(value)
