"""Parameters of a model, counted from its config alone: nothing is downloaded, no weight is allocated."""

from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from bench.errors import InputError, Problem
from bench.model.causal import refuse_other_kinds
from bench.model.size.description import DescribeRequest, Description
from bench.model.size.parameters import count_parameters


def empty_model(config: dict[str, Any], folder: str | None = None) -> nn.Module:
    """A causal language model of this config on the meta device; with the code in `folder`, if that is named.

    Raises `InputError` for a `model_type` that the installed transformers does not have, or has as no causal model.
    """
    fields = dict(config)
    kind = fields.pop("model_type")
    if folder is not None:
        model_config: Any = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=True)
    elif kind in CONFIG_MAPPING:
        model_config = CONFIG_MAPPING[kind](**fields)
        refuse_other_kinds(model_config, "config.json")
    else:
        what, hint = f"the installed transformers has no model_type {kind!r}", "it may want another version of it"
        raise InputError(Problem(reference="model.unknown-type", what=what, where="config.json", hint=hint))
    with torch.device("meta"):
        model: nn.Module = AutoModelForCausalLM.from_config(model_config, trust_remote_code=folder is not None)
    return model


def describe(request: DescribeRequest) -> Description:
    """Count the base, then the same base with LoRA adapters."""
    model = empty_model(request.config, request.folder)
    parameters, _ = count_parameters(model)
    architecture = type(model).__name__
    modules = request.card_modules if request.lora.target_modules == "card" else request.lora.target_modules
    with torch.device("meta"):
        adapted = get_peft_model(
            model,
            LoraConfig(
                r=request.lora.r,
                lora_alpha=int(request.lora.alpha),
                lora_dropout=request.lora.dropout,
                target_modules=modules if isinstance(modules, str) else list(modules),
                task_type="CAUSAL_LM",
            ),
        )
    total, trainable = count_parameters(adapted)
    return Description(
        architecture=architecture,
        parameters=parameters,
        lora_parameters=total,
        lora_trainable_parameters=trainable,
    )
