"""Fused layers: the same training, for the layers that are known, and nothing of it left behind."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn import Module
from transformers import AutoModelForCausalLM, MistralConfig, PreTrainedConfig, Qwen3Config

from bench.train.accounting.meter import Meter
from bench.train.loop.layers.decoder_layer import TrainedLayer
from bench.train.loop.layers.fused import can_fuse, fused
from tests.compiler import needs_compiler
from tests.fakes.checkpoints import tiny_checkpoint, tiny_model
from tests.fakes.training import make_recipe, make_rows, make_trainer

pytestmark = needs_compiler

SMALL: dict[str, Any] = {
    "vocab_size": 40, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 6, "tie_word_embeddings": True,
}  # fmt: skip


def adapted(**lora: Any) -> Module:
    """A Llama with LoRA on all of its layers."""
    return get_peft_model(tiny_model(), LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", **lora))


BF16 = {"precision": "bf16"}


@pytest.mark.parametrize(
    ("recipe", "near"),
    [
        ({}, 2e-6),
        ({"method": "lora"}, 2e-6),
        ({"packing": "bfd"}, 2e-6),
        ({"gradient_checkpointing": True}, 2e-6),
        ({"accumulation": 2}, 2e-6),
        (BF16, 2e-3),
        ({"method": "lora", **BF16}, 2e-3),
        ({"packing": "bfd", "gradient_checkpointing": True, **BF16}, 2e-3),
    ],
    ids=[
        "full",
        "lora",
        "packed",
        "checkpointed",
        "accumulated",
        "full, bf16",
        "lora, bf16",
        "packed, checkpointed, bf16",
    ],
)
def test_losses_are_those_of_the_layers_as_they_are(
    recipe: dict[str, Any], near: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny_checkpoint(tmp_path / "base")

    def losses(fuses: bool) -> torch.Tensor:
        if not fuses:
            monkeypatch.setattr("bench.train.loop.trainer.can_fuse", lambda _: False)
        meter = Meter()
        trainer, _ = make_trainer(
            base, tmp_path / str(fuses), rows=make_rows(40), recipe=make_recipe(**recipe, learning_rate=1e-3),
            budget={"unit": "steps", "amount": 20}, meter=meter,
        )  # fmt: skip
        trainer.train()
        assert trainer.fuses_layers is fuses
        return torch.tensor([step.loss for step in meter.steps])

    ours, plain = losses(True), losses(False)
    assert (ours - plain).abs().max() <= near
    assert plain[-1] < plain[0] - 0.02, "twenty steps that teach something"


@pytest.mark.parametrize("config", [MistralConfig(**SMALL), Qwen3Config(**SMALL)], ids=["mistral", "qwen3"])
def test_related_layers_are_fused(config: PreTrainedConfig) -> None:
    assert can_fuse(AutoModelForCausalLM.from_config(config))


@pytest.mark.parametrize("architecture", ["gpt2", "opt"])
def test_other_layers_stay_as_they_are(architecture: Any) -> None:
    assert not can_fuse(tiny_model(architecture))


@pytest.mark.parametrize(
    ("part", "where"),
    [
        ("normalised", "decoder_layer"),
        ("swiglu", "decoder_layer"),
        ("rotate_", "attention_half"),
        ("added", "decoder_layer"),
    ],
)
@pytest.mark.parametrize(("precision", "factor"), [("fp32", 1.001), ("bf16", 1.1)])
def test_a_part_that_computes_something_else_is_found_by_the_trial(
    precision: str, factor: float, part: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = adapted(init_lora_weights=False)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        assert can_fuse(model)
        named = f"bench.train.loop.layers.{where}"
        computed = getattr(importlib.import_module(named), part)

        def other(*given: Any, **more: Any) -> Any:
            result = computed(*given, **more)
            return (result[0].mul_(factor), result[1]) if isinstance(result, tuple) else result.mul_(factor)

        monkeypatch.setattr(f"{named}.{part}", other)
        assert not can_fuse(model)


def test_under_autocast_results_are_those_of_the_layers_as_they_are() -> None:
    model, ids = adapted(init_lora_weights=False).eval(), torch.arange(8).unsqueeze(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        plain = model(input_ids=ids).logits.float()
        with fused(model):
            ours = model(input_ids=ids).logits.float()
    assert (ours - plain).square().mean().sqrt() <= 0.01 * plain.std()


@pytest.mark.parametrize("asked", [{"use_cache": True}, {"attention_mask": torch.zeros(1, 1, 8, 8)}], ids=str)
def test_a_layer_that_is_asked_for_more_computes_it_itself(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model()
    monkeypatch.setattr(TrainedLayer, "forward", None)
    with fused(model):
        model(input_ids=torch.arange(8).unsqueeze(0), **asked)


def test_a_layer_that_does_more_stays_as_it_is() -> None:
    model: Any = tiny_model()
    first, second, *_ = model.model.layers
    first.mlp.register_forward_hook(lambda *_: None)
    with fused(model):
        assert ["forward" in vars(layer) for layer in (first, second)] == [False, True]
    model.set_attn_implementation("eager")
    assert not can_fuse(model)


def test_nothing_is_left_behind() -> None:
    model = adapted()
    with fused(model):
        assert [module for module in model.modules() if "forward" in vars(module)]
    assert not [module for module in model.modules() if "forward" in vars(module)]


def test_a_layer_with_a_hook_stays_as_it_is() -> None:
    model: Any = tiny_model()
    norm = model.model.norm
    norm.register_forward_hook(lambda *_: None)
    with fused(model):
        assert "forward" not in vars(norm)


@pytest.mark.parametrize(
    ("model", "sparse"),
    [(tiny_model(), True), (tiny_model(tied=False), False), (adapted(), False)],
    ids=["with the head's weights", "with weights of its own", "frozen"],
)
def test_rows_of_an_embedding_are_added_to_the_heads_gradient_alone(model: Any, sparse: bool) -> None:
    embedding = model.get_input_embeddings()
    with fused(model):
        assert embedding.sparse is sparse
        model(input_ids=torch.arange(8).unsqueeze(0)).logits.square().sum().backward()
    assert not embedding.sparse
    if embedding.weight.requires_grad:
        assert not embedding.weight.grad.is_sparse, "an optimiser and clipping take no other"
