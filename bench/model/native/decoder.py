"""Passes of a Llama-like decoder without torch's layers: from token ids to logits in one call.

Contract: `native_decoder` gives one for a model whose layers are those of `LAYERS` and whose linear layers are packed
here (`bench.model.loading.packed_linear`); whether its logits are the model's is for the caller to try.
"""

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bench.model.native.library import lanes, native_library
from bench.model.native.packed_weight import LinearStruct, PackedWeight
from bench.model.native.token_tree import TokenTree

LAYERS = frozenset({"LlamaDecoderLayer", "MistralDecoderLayer", "Qwen2DecoderLayer", "Qwen3DecoderLayer"})
"""Layers of transformers that compute what `decoder.hpp` does, at every position. A trial on short rows could not tell
those whose attention changes far into a row."""
_LINEARS = ("query", "key", "value", "output", "gate", "up", "down")
_NORMS = ("attention_norm", "perceptron_norm", "query_norm", "key_norm")


class _LayerStruct(ctypes.Structure):
    """`Layer` of `decoder.hpp`."""

    _fields_ = (*((name, LinearStruct) for name in _LINEARS), *((name, ctypes.c_void_p) for name in _NORMS))


class _DecoderStruct(ctypes.Structure):
    """`Decoder` of `decoder.hpp`."""

    _fields_ = (
        ("layers", ctypes.POINTER(_LayerStruct)),
        ("norm", ctypes.c_void_p),
        ("head", LinearStruct),
        *((name, ctypes.c_int64) for name in ("layer_count", "hidden", "inner", "heads", "key_heads", "size")),
        ("epsilon", ctypes.c_float),
        ("scaling", ctypes.c_float),
    )


class _TableStruct(ctypes.Structure):
    """`Table` of `attention.hpp`."""

    _fields_ = (
        ("keys", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("layers", "places", "key_heads", "size", "width")),
    )


class _TokensStruct(ctypes.Structure):
    """`Tokens` of `attention.hpp`."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("places", "columns", "begins", "parents")),
        ("count", ctypes.c_int64),
    )


@dataclass(frozen=True, slots=True)
class NativeTable:
    """Keys [layers, places, heads, width / lanes, size, lanes] and values [layers, places, heads, size / lanes, width,
    lanes] of the rows in work; whatever was in the memory where nothing was written."""

    keys: Tensor
    values: Tensor

    @property
    def places(self) -> int:
        """Rows."""
        return self.keys.shape[1]

    @property
    def width(self) -> int:
        """Positions of a row: whole panels."""
        return self.values.shape[4]

    def copy(self, other: Self, places: int | slice | Sequence[int], others: int | slice) -> None:
        """Takes over the rows at `others` of a table, as far as either is wide."""
        for mine, its, wide in ((self.keys, other.keys, 3), (self.values, other.values, 4)):
            width = min(mine.shape[wide], its.shape[wide])
            mine.narrow(wide, 0, width)[:, places] = its.narrow(wide, 0, width)[:, others]


class NativeDecoder:
    """A model's layers as `decoder.hpp` takes them. Raises `AttributeError` or `ValueError` where they are not such."""

    def __init__(self, model: Any, decode: Any) -> None:
        base = model.base_model
        layers = [_Layer(layer) for layer in base.layers]
        self._embed, self._rotary, self._decode = model.get_input_embeddings(), base.rotary_emb, decode
        self._kept = layers, _Norm(base.norm), _packed(model.get_output_embeddings())
        first, norm, head = layers[0], self._kept[1], self._kept[2]
        linears = [*(linear for layer in layers for linear in layer.linears), head]
        self._products = min(linear.products for linear in linears)
        shapes = {(layer.shape, layer.scaling) for layer in layers}
        epsilons = {norm.epsilon for layer in layers for norm in layer.norms} | {norm.epsilon}
        _require(len(shapes) == len(epsilons) == 1 and norm.count == head.inputs == first.shape[0])
        self._structs = (_LayerStruct * len(layers))(*(layer.struct for layer in layers))
        self._struct = _DecoderStruct(
            self._structs, norm.pointer, head.struct, len(layers), *first.shape, norm.epsilon, first.scaling
        )

    def table(self, *, places: int, width: int) -> NativeTable:
        """An empty table with room for rows of `width` positions."""
        return self._table(layers=self._struct.layer_count, places=places, width=width)

    def _table(self, *, layers: int, places: int, width: int) -> NativeTable:
        of, wide = self._struct, lanes()
        panels = -(-width // wide)
        first = (layers, places, of.key_heads)
        keys = torch.empty((*first, panels, of.size, wide))
        return NativeTable(keys, torch.empty((*first, -(-of.size // wide), panels * wide, wide)))

    def logits(
        self,
        table: NativeTable,
        ids: Sequence[int],
        places: Sequence[int],
        positions: Sequence[int],
        read: Sequence[int],
    ) -> Tensor:
        """Logits [reads, vocabulary] behind the tokens numbered `read`, after a pass that writes all tokens into the
        table: each into its place, at its position there; tokens of one row follow each other."""
        begins, parents = [0] * len(ids), [-1] * len(ids)
        return self._decoded(table, ids, positions, (places, positions, begins, parents), read)

    def tree_logits(self, tree: TokenTree, read: Sequence[int], *, rounded: bool = False) -> Tensor:
        """Logits [reads, vocabulary] behind the tokens numbered `read`. With `rounded` the inputs of every product of a
        weight are rounded to bf16; all else is in fp32 either way. No keys and values are kept: all layers write theirs
        into the same memory, which stays in a processor's cache."""
        table = self._table(layers=1, places=1, width=tree.width)
        where = ([0] * len(tree.ids), tree.columns, tree.begins, tree.parents)
        return self._decoded(table, tree.ids, tree.positions, where, read, rounded=rounded)

    def _decoded(
        self,
        table: NativeTable,
        ids: Sequence[int],
        positions: Sequence[int],
        where: Sequence[Sequence[int]],
        read: Sequence[int],
        *,
        rounded: bool = False,
    ) -> Tensor:
        """`where`: places, columns, first columns and parents of the tokens, as `Tokens` of `attention.hpp` says."""
        hidden = self._embed(torch.tensor(ids)).float().contiguous()
        cosines, sines = (
            turned.contiguous()
            for turned in self._rotary(hidden.unsqueeze(0), position_ids=torch.tensor(positions).unsqueeze(0))
        )
        _require(cosines.shape[-1] == self._struct.size and hidden.dtype == cosines.dtype == torch.float32)
        logits = torch.empty((len(read), self._struct.head.outputs))
        numbers = [torch.tensor(values) for values in (*where, read)]
        pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in (hidden, cosines, sines, numbers[4], logits)]
        layers, places, key_heads, _, size, _ = table.keys.shape
        shape = (layers, places, key_heads, size, table.width)
        self._decode(
            ctypes.byref(self._struct),
            ctypes.byref(_TableStruct(table.keys.data_ptr(), table.values.data_ptr(), *shape)),
            *pointers[:3],
            ctypes.byref(_TokensStruct(*(tensor.data_ptr() for tensor in numbers[:4]), len(ids))),
            pointers[3],
            ctypes.c_int64(len(read)),
            pointers[4],
            ctypes.c_int(self._products),
            ctypes.c_int(rounded),
            ctypes.c_int(torch.get_num_threads()),
        )
        return logits


def native_decoder(model: PreTrainedModel) -> NativeDecoder | None:
    """The model's decoder; `None` where it has other layers or they are not packed here."""
    library = native_library()
    try:
        return None if library is None else NativeDecoder(model, library.decode)
    except (AttributeError, ValueError, TypeError, IndexError):
        return None


class _Norm:
    """RMS norm."""

    def __init__(self, norm: Any) -> None:
        weight: Tensor = norm.weight.detach().float().contiguous()
        _require(weight.device.type == "cpu")
        self.pointer, self.count, self.epsilon = weight.data_ptr(), weight.numel(), float(norm.variance_epsilon)
        self._weight = weight


class _Layer:
    def __init__(self, layer: Any) -> None:
        attention, perceptron = layer.self_attn, layer.mlp
        _require(type(layer).__name__ in LAYERS and type(perceptron.act_fn).__name__ in {"SiLU", "SiLUActivation"})
        linears = [
            _packed(linear)
            for linear in (
                attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj,
                perceptron.gate_proj, perceptron.up_proj, perceptron.down_proj,
            )
        ]  # fmt: skip
        query, key, value, output, gate, up, down = linears
        around = [_Norm(layer.input_layernorm), _Norm(layer.post_attention_layernorm)]
        inside = [_Norm(norm) for norm in _head_norms(attention)]
        size, self.scaling = int(attention.head_dim), float(attention.scaling)
        self.shape = (query.inputs, gate.outputs, query.outputs // size, key.outputs // size, size)
        hidden, inner, heads, key_heads, _ = self.shape
        _require(all(linear.inputs == hidden for linear in (query, key, value, gate, up)))
        _require((key.outputs, value.outputs) == (key_heads * size, key_heads * size) and heads % key_heads == 0)
        _require((output.inputs, output.outputs) == (query.outputs, hidden) and query.outputs == heads * size)
        _require((up.outputs, down.inputs, down.outputs) == (inner, inner, hidden))
        _require(all(norm.count == hidden for norm in around) and all(norm.count == size for norm in inside))
        self.norms = [*around, *inside]
        pointers = [norm.pointer for norm in self.norms]
        self.struct = _LayerStruct(*(linear.struct for linear in linears), *pointers)
        self.linears = linears


def _head_norms(attention: Any) -> Iterator[Any]:
    """The norms of queries and keys in each head (Qwen 3)."""
    if hasattr(attention, "q_norm") or hasattr(attention, "k_norm"):
        yield from (attention.q_norm, attention.k_norm)


def _packed(linear: Any) -> PackedWeight:
    """The weight that a linear layer computes with, if it was packed here; a layer that was not has none."""
    packed = linear.packed
    if not isinstance(packed, PackedWeight):
        raise ValueError("not packed here")
    return packed


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError("not a decoder that is computed here")
