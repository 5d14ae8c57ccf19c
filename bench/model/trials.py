"""What a model allows, found out by trial: once for all models of one kind.

Method: whether logits can be had in another way is decided by what is computed, not by the weights that it is computed
with. Models without an adapter are of one kind where their modules have the same types in the same order, are packed in
the same way (`SameOutputs`), and their configurations, types of numbers and devices are equal: a base and the models
that were trained from it, wherever they are stored. Any other model is tried by itself.

Contract: a verdict is that of the first model of its kind that tells; one that tells nothing gets `None`.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

import torch
from transformers import PreTrainedModel

from bench.model.peft_private import carries_adapter
from bench.model.torch_private import has_hooks
from bench.model.transformers_private import NAME_KEY

Allowed = TypeVar("Allowed")
_Computation = tuple[object, ...]
_SILENT = frozenset({NAME_KEY, "dtype"})
"""Keys of a configuration that tell nothing: a merged adapter's says fp32 of weights that were rounded since."""


class SameOutputs:
    """What computes in a layer's place, as its `forward`, and gives its outputs within rounding."""


def tried_once(trial: Callable[[PreTrainedModel], Allowed]) -> Callable[[PreTrainedModel], Allowed]:
    """`trial` with its verdicts kept: by model, and by kind of model."""
    of_models: WeakKeyDictionary[PreTrainedModel, Allowed] = WeakKeyDictionary()
    of_kinds: dict[_Computation, Allowed] = {}

    @wraps(trial)
    def verdict(model: PreTrainedModel) -> Allowed:
        if model not in of_models:
            kind = _kind(model)
            if kind is None:
                of_models[model] = trial(model)
            else:
                found = of_kinds[kind] if kind in of_kinds else trial(model)
                if found is not None:
                    of_kinds[kind] = found
                of_models[model] = found
        return of_models[model]

    return verdict


def _kind(model: torch.nn.Module) -> _Computation | None:
    """What decides how a model computes; `None` where more does than its modules' types and its configuration."""
    modules = list(model.modules())
    if not isinstance(model, PreTrainedModel) or any(map(_is_changed, modules)):
        return None
    types = tuple((type(module), type(module).forward, type(vars(module).get("forward"))) for module in modules)
    settings = {key: value for key, value in model.config.to_dict().items() if key not in _SILENT}
    return (json.dumps(settings, sort_keys=True, default=str), model.dtype, model.device, types)


def _is_changed(module: torch.nn.Module) -> bool:
    """Whether a module computes something else than its class says, or may: by an adapter, a hook, or a learned prompt
    before its rows."""
    forward = vars(module).get("forward")
    replaced = forward is not None and not isinstance(forward, SameOutputs)
    return replaced or hasattr(module, "virtual_tokens") or has_hooks(module) or carries_adapter(module)
