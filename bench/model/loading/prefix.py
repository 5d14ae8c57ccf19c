"""A base with a learned prompt before every row: what prefix tuning, prompt tuning and their like come to.

Method: learned embeddings are run through the base once, learned keys and values are taken as they are; either way
there are keys and values of a few virtual tokens in every layer, the same for each row. A forward pass that brings no
cache, or an empty one, begins with these. The caller's ids, positions, masks and logits stay those of the row alone.

Contract: logits are those of the trained PEFT model, within rounding.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from peft import PeftModel
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from bench.errors import InputError, Problem


class PrefixedModel(torch.nn.Module):
    """Takes the place of a `PreTrainedModel` in evaluation; without gradients."""

    def __init__(self, base: PreTrainedModel, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        """`layers`: keys and values of each layer, each [1, heads, virtual tokens, size]."""
        super().__init__()
        self.base = base
        self._keys = torch.nn.ParameterList(torch.nn.Parameter(key, requires_grad=False) for key, _ in layers)
        self._values = torch.nn.ParameterList(torch.nn.Parameter(value, requires_grad=False) for _, value in layers)
        self.virtual_tokens = int(layers[0][0].shape[2])
        """Positions that no row can use."""

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: DynamicCache | None = None,
        **inputs: Any,
    ) -> Any:
        """Forward pass of the base over rows [rows, columns]; a mask [rows, keys] or [rows, 1, columns,
        keys] covers the row's own tokens, whether in the cache or not."""
        cache = DynamicCache(config=self.base.config) if past_key_values is None else past_key_values
        if cache.get_seq_length() == 0:
            self._begin(cache, input_ids.shape[0])
        inputs["attention_mask"] = None if attention_mask is None else self._widened(attention_mask)
        if position_ids is not None:
            inputs["position_ids"] = position_ids + self.virtual_tokens
        return self.base(input_ids=input_ids, past_key_values=cache, **inputs)

    def get_output_embeddings(self) -> Any:
        """The base's language-model head."""
        return self.base.get_output_embeddings()

    @property
    def config(self) -> Any:
        """The base's."""
        return self.base.config

    @property
    def generation_config(self) -> Any:
        """The base's."""
        return self.base.generation_config

    @property
    def device(self) -> torch.device:
        """The base's."""
        place: torch.device = self.base.device
        return place

    @property
    def dtype(self) -> torch.dtype:
        """The base's."""
        kind: torch.dtype = self.base.dtype
        return kind

    def _begin(self, cache: DynamicCache, rows: int) -> None:
        for layer, (key, value) in enumerate(zip(self._keys, self._values, strict=True)):
            cache.update(key.expand(rows, -1, -1, -1), value.expand(rows, -1, -1, -1), layer)

    def _widened(self, mask: Tensor) -> Tensor:
        """The virtual tokens are seen by all: 1 or true, or 0 where the mask is added to the scores."""
        added = mask.dim() == 4 and mask.is_floating_point()
        seen = mask.new_zeros if added else mask.new_ones
        return torch.cat([seen((*mask.shape[:-1], self.virtual_tokens)), mask], dim=-1)


@torch.no_grad()
def prefixed(adapted: PeftModel) -> PrefixedModel:
    """The evaluation form of a PEFT model whose adapter is a learned prompt.

    Raises `InputError` for an architecture whose state is not keys and values.
    """
    base = cast(PreTrainedModel, adapted.get_base_model())
    learned = adapted.get_prompt(1)
    if isinstance(learned, Tensor):
        begun = base(inputs_embeds=learned.to(base.dtype), past_key_values=DynamicCache(), use_cache=True)
        learned = begun.past_key_values
    layers = [
        (layer.keys.clone(), layer.values.clone())
        for layer in getattr(learned, "layers", ())
        if getattr(layer, "keys", None) is not None
    ]
    if len(layers) != base.config.get_text_config().num_hidden_layers:
        raise InputError(
            Problem(
                reference="recipe.adapter",
                what=f"a learned prompt cannot be kept as keys and values in {type(base).__name__}",
                where="recipe.*.method",
                hint='use method = "lora" with this model',
            )
        )
    return PrefixedModel(base, layers).eval()


def unused_positions(model: torch.nn.Module) -> int:
    """Positions that a learned prompt takes from every row."""
    return int(getattr(model, "virtual_tokens", 0))
