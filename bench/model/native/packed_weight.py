"""A linear layer's weight as panels of outputs, and products with it."""

import ctypes

import torch
from torch import Tensor

from bench.model.native.library import Products, bf16_products, lanes, native_library
from bench.model.trials import SameOutputs

_TYPES = frozenset({torch.float32, torch.bfloat16})


def multiplies(dtype: torch.dtype) -> bool:
    """Whether weights of this type are multiplied here: fp32, and bf16 save where the processor multiplies tiles of it
    (AMX) and the compiler knows none, which a library uses."""
    if native_library() is None:
        return False
    has_tiles = torch.cpu.get_capabilities().get("amx_bf16") and bf16_products() is not Products.TILED
    return dtype in _TYPES and not (has_tiles and dtype is torch.bfloat16)


class LinearStruct(ctypes.Structure):
    """`Linear` of `products.hpp`."""

    _fields_ = (
        ("panels", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
        ("inputs", ctypes.c_int64),
        ("outputs", ctypes.c_int64),
        ("halved", ctypes.c_int64),
    )


class PackedWeight(SameOutputs):
    """A weight [outputs, inputs] in fp32 or bf16 with its bias [outputs], packed. Numbers of fp32 that are all of bf16,
    as a base's usually are, are stored as such: products are the same to the last bit."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        library = native_library()
        assert library is not None, "asked for before"
        self._library = library
        self.outputs, self.inputs = weight.shape
        self._bias = None if bias is None else bias.detach().float().contiguous()
        halved = weight.detach().bfloat16()
        is_halved = weight.dtype is torch.bfloat16 or torch.equal(halved.float(), weight)
        self.products = bf16_products() if is_halved else Products.WIDENED
        self._panels = _panels(_words(halved if is_halved else weight.detach()))
        bias_at = None if self._bias is None else self._bias.data_ptr()
        self.struct = LinearStruct(self._panels.data_ptr(), bias_at, self.inputs, self.outputs, is_halved)

    @property
    def nbytes(self) -> int:
        """Bytes of the packed numbers."""
        return self._panels.nbytes

    def __call__(self, inputs: Tensor) -> Tensor:
        """Outputs [..., outputs] for inputs [..., inputs], both in fp32 or both in bf16; sums are in fp32. Raises
        `RuntimeError` for other inputs."""
        if inputs.dtype not in _TYPES or inputs.device.type != "cpu" or inputs.shape[-1] != self.inputs:
            raise RuntimeError(
                f"{self.inputs} numbers of fp32 or bf16 on the processor are multiplied, "
                f"not {inputs.shape[-1:]} of {inputs.dtype}"
            )
        product = self._library.linear_of_bf16 if inputs.dtype is torch.bfloat16 else self._library.linear
        inputs = inputs.contiguous()
        outputs = inputs.new_empty((*inputs.shape[:-1], self.outputs))
        rows = outputs.numel() // self.outputs
        if rows:
            product(
                ctypes.byref(self.struct),
                ctypes.c_void_p(inputs.data_ptr()),
                ctypes.c_void_p(outputs.data_ptr()),
                ctypes.c_int64(rows),
                ctypes.c_int(self.products),
                ctypes.c_int(torch.get_num_threads()),
            )
        return outputs


def _words(weight: Tensor) -> Tensor:
    """Words [outputs, inputs] of numbers in fp32, or [outputs, inputs / 2] of two each in bf16; an odd input is filled
    up."""
    odd = weight.dtype is torch.bfloat16 and weight.shape[1] % 2
    return (torch.nn.functional.pad(weight, (0, 1)) if odd else weight.contiguous()).view(torch.int32)


def _panels(words: Tensor) -> Tensor:
    """Panels [panels, inputs, lanes] of words [outputs, inputs]; the last is filled up with zeros."""
    library = native_library()
    assert library is not None, "asked for before"
    (outputs, inputs), wide = words.shape, lanes()
    panels = words.new_empty((-(-outputs // wide), inputs, wide))
    library.pack(
        ctypes.c_void_p(words.data_ptr()),
        ctypes.c_void_p(panels.data_ptr()),
        ctypes.c_int64(outputs),
        ctypes.c_int64(inputs),
        ctypes.c_int(torch.get_num_threads()),
    )
    return panels
