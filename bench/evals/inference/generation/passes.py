"""What a continuous batch asks of a model, and by which passes a model answers.

Contract: passes over a table are used only for a model in which they were seen to give the logits of whole rows.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicLayer

from bench.evals.inference.generation.key_value_table import compute_prefix
from bench.evals.inference.generation.layer_passes import LayerPasses
from bench.evals.inference.generation.native_passes import NativePasses
from bench.evals.inference.pass_counts import uncounted
from bench.model.forward import differ_by_rounding, logits_at, reads_positions, vocabulary_size
from bench.model.native.decoder import NativeDecoder, native_decoder
from bench.model.trials import tried_once
from bench.model.windows import narrowest_window


class Passes(Protocol):
    """Passes over the rows in work, which have the first places of a table."""

    pads: bool
    """Whether rows of one pass are padded to the longest."""
    dtype: torch.dtype
    """Type of the numbers between one product and the next."""

    @property
    def room(self) -> tuple[int, int]:
        """Places of the table, and their width."""

    def make_room(self, *, places: int, width: int, rows: int) -> None:
        """Changes the table's shape; the first `rows` rows stay."""

    def prefix(self, ids: Sequence[int]) -> Any:
        """What `prefill` takes for tokens that rows begin with; its `ids` are these."""

    def prefill(self, rests: Sequence[Sequence[int]], places: Sequence[int], prefix: Any) -> Tensor:
        """Logits [rows, vocabulary] behind the prefix and each row's rest, which are written into its place."""

    def decode(self, tokens: Sequence[int], lengths: Sequence[int]) -> Tensor:
        """Logits [rows, vocabulary] behind one more token of each of the first rows, which have `lengths` so far."""

    def move(self, source: int, target: int) -> None:
        """Moves the row of one place to another."""

    def clear(self, place: int) -> None:
        """Forgets a row whose numbers are not finite."""


_NATIVE: WeakKeyDictionary[PreTrainedModel, NativeDecoder | None] = WeakKeyDictionary()


@tried_once
def fits_table(model: PreTrainedModel) -> bool:
    """Whether the model's keys and values can be kept in a table."""
    return _keeps_whole_rows(model) and gives_whole_rows(LayerPasses(model), model)


def table_passes(model: PreTrainedModel) -> Passes | None:
    """New passes over an empty table; `None` for a model that cannot have one."""
    decoder = native(model)
    if decoder is not None:
        return NativePasses(model, decoder)
    return LayerPasses(model) if fits_table(model) else None


def native(model: PreTrainedModel) -> NativeDecoder | None:
    """The model's decoder in C++, if it has one that was seen to give its logits; tested once per model."""
    if model not in _NATIVE:
        decoder = native_decoder(model)
        if decoder is not None and not (
            _keeps_whole_rows(model) and gives_whole_rows(NativePasses(model, decoder), model)
        ):
            decoder = None
        _NATIVE[model] = decoder
    return _NATIVE[model]


def answer_type(model: PreTrainedModel) -> torch.dtype:
    """Type of the numbers between the products of the model's answers."""
    return model.dtype if native(model) is None else NativePasses.dtype


@contextmanager
def layers_in(model: PreTrainedModel, dtype: torch.dtype) -> Iterator[None]:
    """While open, the model's layers compute in `dtype`: its own, or fp32 over weights in bf16, packed for both."""
    handle = model.get_input_embeddings().register_forward_hook(lambda _module, _given, states: states.to(dtype))
    try:
        yield
    finally:
        handle.remove()


def _keeps_whole_rows(model: PreTrainedModel) -> bool:
    """Whether rows have keys and values of all their positions and nothing else. A learned prompt before the rows has a
    cache of its own, and a window, longer than the rows of a trial, counts the columns of the table."""
    if getattr(model, "virtual_tokens", 0) or narrowest_window(model.config) is not None:
        return False
    try:
        layers = compute_prefix(model, [0, 1]).layers
        return all(type(layer) is DynamicLayer for layer in layers) and reads_positions(model)
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return False


@torch.inference_mode()
def gives_whole_rows(passes: Passes, model: PreTrainedModel) -> bool:
    """Tries rows of unequal length, alone and behind a prefix, each with one more token, against the whole rows."""
    draw = torch.randint(0, vocabulary_size(model), (16,), generator=torch.Generator().manual_seed(0)).tolist()
    start, rests, tokens = draw[:6], [draw[6:9], draw[9:14]], draw[14:]
    try:
        with uncounted(model):
            passes.make_room(places=4, width=12, rows=0)
            behind = passes.prefill(rests, [0, 1], passes.prefix(start))
            alone = passes.prefill([rests[1]], [2], passes.prefix([]))
            later = passes.decode([*tokens, tokens[0]], [9, 11, 5])
        rows = [[*start, *rest, token] for rest, token in zip(rests, tokens, strict=True)]
        whole = [_whole_logits(model, row, 2, passes.dtype) for row in [*rows, [*rests[1], tokens[0]]]]
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return False
    first, second = torch.stack(whole).unbind(1)
    return all(
        differ_by_rounding(logits, expected, passes.dtype)
        for logits, expected in ((torch.cat([behind, alone]), first), (later, second))
    )


def _whole_logits(model: PreTrainedModel, ids: Sequence[int], last: int, dtype: torch.dtype) -> Tensor:
    """Logits [last, vocabulary] behind the last tokens of one row, by the model's layers."""
    columns = torch.arange(len(ids) - last, len(ids), device=model.device)
    row = torch.tensor([list(ids)], device=model.device)
    with layers_in(model, dtype):
        return logits_at(model, torch.zeros_like(columns), columns, input_ids=row, use_cache=False)
