"""Attention in C++ for all models whose layers ask transformers for torch's (`sdpa`), while they are trained.

Contract: what is not known to be causal attention over whole rows is torch's, as before. `computes_as_torch` says
whether a trial over made-up heads gave torch's outputs and gradients. Behind `SdpaInCpp.open` the table is as it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from bench.model.native.library import native_library
from bench.train.loop.layers.attention import attendable, attention, begins_of

_NAME = "sdpa"
_NEAR = 1e-5
"""Largest difference of the trial, in root mean squares of its tensor, that counts as rounding."""
_SHORT, _LONG = 128, 2048
"""Tokens of a row that torch needs twice as long for, or longer, and those from which on torch's blocks are faster
(one AMD Zen 4 core, heads of 64). In between torch has more threads where they outnumber the heads of keys."""
_MORE = {"softcap", "position_bias", "cache", "output_attentions"}


class SdpaInCpp:
    """The entry of transformers' table of attentions, while a model is trained on a processor."""

    used = False
    """Whether any layer's attention was computed in C++."""

    @contextmanager
    def open(self) -> Iterator[None]:
        """While open, layers that ask for `sdpa` have this."""
        ALL_ATTENTION_FUNCTIONS[_NAME] = self
        try:
            yield
        finally:
            del ALL_ATTENTION_FUNCTIONS[_NAME]

    def __call__(
        self, module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **asked: Any
    ) -> tuple[Tensor, None]:
        """Turns heads [rows, heads, length, size] into [rows, length, heads, size], as torch's does."""
        begins = None if attention_mask is None else begins_of(attention_mask, query.shape[0])
        known = _is_causal(module, asked) if attention_mask is None else begins is not None
        if known and not _asks_more(asked) and _are_trained_rows(query, key, value):
            heads = [part.transpose(1, 2) for part in _cast(query, key, value)]
            if attendable(*heads) and is_faster(*key.shape[:3]):
                self.used = True
                scaling = asked.get("scaling") or query.shape[-1] ** -0.5
                return attention(*heads, scaling=scaling, begins=begins), None
        plain: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **asked)
        return plain


def computes_as_torch() -> bool:
    """Whether the trial gave what torch gives."""
    if native_library() is None:
        return False
    plain, ours = _tried(sdpa_attention_forward), _tried(SdpaInCpp())
    return all(_near(one, other) for one, other in zip(plain, ours, strict=True))


def _is_causal(module: Any, asked: dict[str, Any]) -> bool:
    """Whether each token sees those up to itself, where there is no mask."""
    causal = asked.get("is_causal")
    return bool(getattr(module, "is_causal", True) if causal is None else causal)


def _asks_more(asked: dict[str, Any]) -> bool:
    return bool(asked.get("dropout")) or not all(asked.get(name) is None or asked[name] is False for name in _MORE)


def _are_trained_rows(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Whether each token's key and value are beside its query, and not in a cache."""
    return query.requires_grad and query.shape[2] == key.shape[2] and query.shape[3] == value.shape[3]


def _cast(*heads: Tensor) -> list[Tensor]:
    """Heads in the type in which torch's attention takes them: autocast lowers them."""
    lowered = torch.is_autocast_enabled("cpu")
    return [part.to(torch.get_autocast_dtype("cpu")) if lowered else part for part in heads]


def is_faster(rows: int, key_heads: int, length: int) -> bool:
    """Whether attention in C++ takes less time than torch's."""
    return length <= _SHORT or (length <= _LONG and rows * key_heads >= torch.get_num_threads())


def _tried(how: Any) -> list[Tensor]:
    """Outputs and gradients of made-up heads."""
    generator = torch.Generator().manual_seed(0)
    heads = [torch.randn(2, count, 9, 16, generator=generator, requires_grad=True) for count in (4, 2, 2)]
    out = how(SimpleNamespace(num_key_value_groups=2), *heads, None)[0]
    above = torch.randn(out.shape, generator=generator)
    return [out.detach(), *torch.autograd.grad(out, heads, above)]


def _near(one: Tensor, other: Tensor) -> bool:
    return bool(((one - other).abs() <= _NEAR * one.square().mean().sqrt()).all())
