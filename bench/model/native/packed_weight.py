"""A linear layer's weight as panels of outputs, and products with it."""

import ctypes

import torch
from torch import Tensor

from bench.model.native.library import lanes, native_library


class LinearStruct(ctypes.Structure):
    """`Linear` of `kernels.cpp`."""

    _fields_ = (
        ("panels", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
        ("inputs", ctypes.c_int64),
        ("outputs", ctypes.c_int64),
    )


class PackedWeight:
    """A weight [outputs, inputs] in fp32 with its bias [outputs], packed."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        library = native_library()
        assert library is not None, "asked for before"
        self._product = library.linear
        self.outputs, self.inputs = weight.shape
        self._bias = None if bias is None else bias.detach().float().contiguous()
        self._panels = _panels(weight.detach())
        self.struct = LinearStruct(
            self._panels.data_ptr(), None if self._bias is None else self._bias.data_ptr(), self.inputs, self.outputs
        )

    def __call__(self, inputs: Tensor) -> Tensor:
        """Outputs [..., outputs] for inputs [..., inputs] in fp32; `RuntimeError` for others."""
        if inputs.dtype != torch.float32 or inputs.device.type != "cpu" or inputs.shape[-1] != self.inputs:
            raise RuntimeError(
                f"{self.inputs} numbers of fp32 on the processor are multiplied, not {inputs.shape[-1:]}"
            )
        inputs = inputs.contiguous()
        outputs = inputs.new_empty((*inputs.shape[:-1], self.outputs))
        rows = outputs.numel() // self.outputs
        if rows:
            self._product(
                ctypes.byref(self.struct),
                ctypes.c_void_p(inputs.data_ptr()),
                ctypes.c_void_p(outputs.data_ptr()),
                ctypes.c_int64(rows),
                ctypes.c_int(torch.get_num_threads()),
            )
        return outputs


def _panels(weight: Tensor) -> Tensor:
    """Panels [panels, inputs, lanes] of a weight [outputs, inputs]; the last is filled up with zeros."""
    (outputs, inputs), wide = weight.shape, lanes()
    panels = weight.new_empty((-(-outputs // wide), inputs, wide))
    whole = outputs // wide
    panels[:whole] = weight[: whole * wide].view(whole, wide, inputs).transpose(1, 2)
    if whole < len(panels):
        panels[whole] = 0
        panels[whole, :, : outputs - whole * wide] = weight[whole * wide :].t()
    return panels
