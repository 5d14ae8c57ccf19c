"""What a decoder layer computes between its products, forward and backward, each in one call of C++.

Contract: tensors are fp32 and on the processor; `computable` says so beforehand. Each function is what transformers
writes in five to fifteen operations of torch, within rounding, and autograd knows its derivative.
"""

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from bench.model.native.library import native_library


def computable(*tensors: Tensor) -> bool:
    """Whether the functions of this file take these tensors, and are compiled on this machine."""
    taken = all(tensor.dtype == torch.float32 and tensor.device.type == "cpu" for tensor in tensors)
    return taken and native_library() is not None


def rms_norm(hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Rows [..., width] divided by their root mean square, times `weight` [width]."""
    result: Tensor = _TrainedNorm.apply(hidden, weight, epsilon)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return result


def rotated(heads: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Heads [rows, length, heads, size] turned by the angles [rows or 1, length, size] of their positions (RoPE)."""
    result: Tensor = _Rotation.apply(heads, cosines, sines)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return result


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """SiLU of `gate`, times `up`."""
    result: Tensor = _SwiGLU.apply(gate, up)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return result


def log_probability(logits: Tensor, targets: Tensor) -> Tensor:
    """Log-probability [n] of each target [n] under logits [n, vocabulary]."""
    result: Tensor = _LogProbability.apply(logits, targets)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return result


class _TrainedNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        hidden, width = hidden.contiguous(), weight.numel()
        out, inverse = torch.empty_like(hidden), hidden.new_empty(hidden.numel() // width)
        _call("norm_forward", hidden, weight, inverse.numel(), width, epsilon, out, inverse)
        ctx.save_for_backward(hidden, weight, inverse)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None]:
        hidden, weight, inverse = ctx.saved_tensors
        of_hidden = torch.empty_like(hidden)
        of_weight = torch.empty_like(weight) if ctx.needs_input_grad[1] else None
        gradient, rows, width = gradient.contiguous(), inverse.numel(), weight.numel()
        _call("norm_backward", gradient, hidden, weight, inverse, rows, width, of_hidden, of_weight)
        return of_hidden, of_weight, None


class _Rotation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, heads: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        ctx.angles = cosines.contiguous(), sines.contiguous()
        return _turned(heads, *ctx.angles, back=False)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _turned(gradient, *ctx.angles, back=True), None, None


def _turned(heads: Tensor, cosines: Tensor, sines: Tensor, *, back: bool) -> Tensor:
    rows, length, count, size = heads.shape
    heads = heads.contiguous()
    out = torch.empty_like(heads)
    periods = cosines.numel() // size
    _call("rotate", heads, cosines, sines, rows * length, count, size, periods, int(back), out)
    return out


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        gate, up = gate.contiguous(), up.contiguous()
        out = torch.empty_like(gate)
        _call("swiglu_forward", gate, up, gate.numel(), out)
        ctx.save_for_backward(gate, up)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        gate, up = ctx.saved_tensors
        of_gate, of_up = torch.empty_like(gate), torch.empty_like(up)
        _call("swiglu_backward", gradient.contiguous(), gate, up, gate.numel(), of_gate, of_up)
        return of_gate, of_up


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


def _call(name: str, *arguments: Tensor | int | float | None) -> None:
    """A function of `layer_parts.cpp`: tensors by their memory, whole numbers of 64 bits, and the threads last."""
    library = native_library()
    assert library is not None, "asked for before"
    getattr(library, name)(*map(_as_c, arguments), ctypes.c_int(torch.get_num_threads()))


def _as_c(value: Tensor | int | float | None) -> Any:
    if isinstance(value, Tensor):
        return ctypes.c_void_p(value.data_ptr())
    if value is None:
        return ctypes.c_void_p()
    return ctypes.c_float(value) if isinstance(value, float) else ctypes.c_int64(value)
