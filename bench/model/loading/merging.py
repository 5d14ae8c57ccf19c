"""Merges an adapter into its base, and says of a subject why none was merged.

Contract: a merged subject computes what the adapted model computed, within rounding; what cannot be merged so keeps the
adapter in its layers.
"""

from typing import Any

import torch

from bench.model.finite import is_finite
from bench.model.loading.prefix import unused_positions
from bench.model.peft_private import carries_adapter, merges_by_adding, why_unmerged


def merged(adapted: Any) -> Any:
    """The base with the adapter merged into its weights, or in its layers where it cannot be: some methods, a bias
    beside a matrix that has none, adapters on one matrix in several places (`layer_replication`)."""
    base = adapted.get_base_model()
    _untie_adapted_embeddings(base)
    if _adapts_one_matrix_twice(base):
        return base
    cannot_fail = merges_by_adding(adapted) and all(map(is_finite, adapted.parameters()))
    try:  # a layer that fails stays as it was, for which PEFT adds in a copy and looks for what is not finite
        return adapted.merge_and_unload(safe_merge=not cannot_fail)
    except (NotImplementedError, AttributeError, ValueError, RuntimeError):
        return base


def _adapts_one_matrix_twice(base: Any) -> bool:
    """Whether two layers with adapters have one matrix, each of which would be merged into it. PEFT itself sees to
    embeddings and head, trained tokens inside them included."""
    found = (base.get_input_embeddings(), base.get_output_embeddings())
    ends = {module for end in found if end is not None for module in end.modules()}
    adapted = [module for module in base.modules() if carries_adapter(module) and module not in ends]
    layers = [module.get_base_layer() for module in adapted]
    weights = [id(layer.weight) for layer in layers if isinstance(getattr(layer, "weight", None), torch.Tensor)]
    return len(set(weights)) < len(weights)


def _untie_adapted_embeddings(base: Any) -> None:
    """Gives the head a matrix of its own where an adapter on one of the two would be merged into both: training left
    the other as it was."""
    ends = (base.get_input_embeddings(), base.get_output_embeddings())
    layers = [end.get_base_layer() if carries_adapter(end) else end for end in ends]
    if None not in layers and layers != [*ends] and layers[0].weight is layers[1].weight:
        head = layers[1]
        head.weight = torch.nn.Parameter(head.weight.detach().clone(), requires_grad=False)
        for config in (base.config, base.config.get_text_config()):
            config.tie_word_embeddings = False


def unmerged(subject: torch.nn.Module) -> str | None:
    """Why a tuned subject is not a whole model by itself; `None` of one that is."""
    if unused_positions(subject):
        return "a learned prompt changes no weights"
    return why_unmerged(subject) if any(carries_adapter(module) for module in subject.modules()) else None
