"""What a model's layers give for whole rows: other ways to compute a row are held against it.

Contract: another way is used only for a model in which it was seen to give the logits of whole rows.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

from bench.model.forward import logits_at, reads_positions
from bench.model.windows import narrowest_window


def keeps_whole_rows(model: PreTrainedModel) -> bool:
    """Whether rows have keys and values of all their positions and nothing else. A learned prompt before the rows has a
    cache of its own, and a window, longer than the rows of a trial, counts the columns of a table."""
    if getattr(model, "virtual_tokens", 0) or narrowest_window(model.config) is not None:
        return False
    cache = DynamicCache(config=model.config)
    at, row = torch.tensor([[0], [1]], device=model.device), torch.tensor([[0, 1]], device=model.device)
    try:
        logits_at(model, *at, input_ids=row, past_key_values=cache, use_cache=True)
        return all(type(layer) is DynamicLayer for layer in cache.layers) and reads_positions(model)
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return False


def whole_logits(model: PreTrainedModel, ids: Sequence[int], last: int, dtype: torch.dtype) -> Tensor:
    """Logits [last, vocabulary] behind the last tokens of one row, by the model's layers in `dtype`."""
    columns = torch.arange(len(ids) - last, len(ids), device=model.device)
    row = torch.tensor([list(ids)], device=model.device)
    with layers_in(model, dtype):
        return logits_at(model, torch.zeros_like(columns), columns, input_ids=row, use_cache=False)


@contextmanager
def layers_in(model: PreTrainedModel, dtype: torch.dtype) -> Iterator[None]:
    """While open, the model's layers compute in `dtype`: its own, or fp32 over weights in bf16, packed for both."""
    handle = model.get_input_embeddings().register_forward_hook(lambda _module, _given, states: states.to(dtype))
    try:
        yield
    finally:
        handle.remove()
