"""All undocumented names of PEFT that this project takes hold of, each behind a documented one.

Contract: no other file names them. `tests/model/test_private_names.py` holds each name and its signature.
"""

from typing import Any

import torch
from peft import PeftConfig
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from peft.tuners.lora.layer import LoraLayer, ParamWrapper
from peft.tuners.tuners_utils import BaseTunerLayer


def config_classes() -> dict[str, type[PeftConfig]]:
    """Configuration classes by the name of the method, such as `LORA`."""
    return {kind.value: config for kind, config in PEFT_TYPE_TO_CONFIG_MAPPING.items()}


def carries_adapter(module: Any) -> bool:
    """Whether this module carries an adapter."""
    return isinstance(module, BaseTunerLayer)


def why_unmerged(model: torch.nn.Module) -> str:
    """What PEFT says against merging the adapter that `model` still carries."""
    for module in model.modules():
        if isinstance(module, BaseTunerLayer):
            try:
                module.merge(safe_merge=True)
            except (NotImplementedError, AttributeError, ValueError, RuntimeError) as error:
                return f"PEFT says {' '.join(str(error).split()) or type(error).__name__!r}"
    return "two of its layers share one matrix of the base"


def reads_base_weight(module: Any) -> bool:
    """Whether an adapter may read or replace the weight that it is on, beside calling the layer of it: only LoRA on a
    layer, without a variant (DoRA, aLoRA), is known not to."""
    if isinstance(module, LoraLayer) and not isinstance(module, ParamWrapper):
        return bool(module.lora_variant)
    return carries_adapter(module)


def merges_by_adding(model: torch.nn.Module) -> bool:
    """Whether merging adds a product to each adapted layer's weight, and does nothing else: LoRA without a variant, a
    bias, or a matrix that is no layer's own."""
    adapters = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    plain = (isinstance(module, LoraLayer) and not isinstance(module, ParamWrapper) for module in adapters)
    return all(plain) and not any(module.lora_variant or any(module.lora_bias.values()) for module in adapters)


def adapts_parameters(model: torch.nn.Module) -> bool:
    """Whether LoRA is on parameters that no layer of their own holds, as experts' are in transformers."""
    return any(isinstance(module, ParamWrapper) for module in model.modules())


def adapted_modules(model: torch.nn.Module) -> tuple[str, ...]:
    """Full names of the modules that carry an adapter; none for a learned prompt."""
    return tuple(getattr(getattr(model, "base_model", None), "targeted_module_names", None) or ())


def moves_ranks(model: torch.nn.Module) -> bool:
    """Whether the adapter moves ranks between layers while it trains (AdaLoRA)."""
    return hasattr(getattr(model, "base_model", None), "update_and_allocate")


def allocate_ranks(model: torch.nn.Module, step: int) -> None:
    """Moves ranks after optimiser step `step`, from gradients that are still there."""
    model.base_model.update_and_allocate(step)  # type: ignore[union-attr, operator]  # AdaLoRA's


def is_rank_counter(parameter: str) -> bool:
    """Whether a parameter of this name is one of AdaLoRA's counters, which are not trained."""
    return ".ranknum." in parameter
