"""Weights as other trainers leave them, and what the product says about them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from bench.errors import InputError
from bench.record.given_facts import GivenFacts
from bench.suite.resolved import ResolvedWeights
from bench.suite.tables.arms.weights_form import WeightsForm
from bench.train.applied.fit_given import given_facts
from tests.fakes.training import resolved_model


def facts(base: Path, folder: Path, form: WeightsForm = "adapter") -> GivenFacts:
    given = ResolvedWeights(source=folder.name, form=form, revision=None, path=str(folder), sha256="0")
    return given_facts(resolved_model(base), given)


def adapter(base: Path, folder: Path, config: Any = None) -> Path:
    """An adapter whose every tensor was changed, saved by plain PEFT."""
    config = config or LoraConfig(r=4, lora_alpha=12, target_modules="all-linear")
    adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    torch.manual_seed(0)
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.2)
    adapted.save_pretrained(folder)
    return folder


def refusals(base: Path, folder: Path, form: WeightsForm = "adapter") -> list[str]:
    with pytest.raises(InputError) as caught:
        facts(base, folder, form)
    return [problem.what for problem in caught.value.problems]
