"""Fused layers: the same training, for the layers that are known, and nothing of it left behind."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn import Module
from transformers import AutoModelForCausalLM, MistralConfig, PreTrainedConfig, Qwen3Config
from transformers.models.llama import modeling_llama

from bench.train.accounting.meter import Meter
from bench.train.loop.layers.fused import can_fuse, fused
from tests.compiler import needs_compiler
from tests.fakes.checkpoints import tiny_checkpoint, tiny_model
from tests.fakes.training import make_recipe, make_rows, make_trainer

pytestmark = needs_compiler

FUSED = "bench.train.loop.layers.fused"
SMALL: dict[str, Any] = {
    "vocab_size": 40, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 6, "tie_word_embeddings": True,
}  # fmt: skip


def adapted(**lora: Any) -> Module:
    """A Llama with LoRA on all of its layers."""
    return get_peft_model(tiny_model(), LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", **lora))


@pytest.mark.parametrize(
    "recipe",
    [{}, {"method": "lora"}, {"packing": "bfd"}, {"gradient_checkpointing": True}],
    ids=["full", "lora", "packed", "checkpointed"],
)
def test_losses_are_those_of_the_layers_as_they_are(
    recipe: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    assert (ours - plain).abs().max() <= 2e-6
    assert plain[-1] < plain[0] - 0.02, "twenty steps that teach something"


@pytest.mark.parametrize("config", [MistralConfig(**SMALL), Qwen3Config(**SMALL)], ids=["mistral", "qwen3"])
def test_related_layers_are_fused(config: PreTrainedConfig) -> None:
    assert can_fuse(AutoModelForCausalLM.from_config(config))


@pytest.mark.parametrize("architecture", ["gpt2", "opt"])
def test_other_layers_stay_as_they_are(architecture: Any) -> None:
    assert not can_fuse(tiny_model(architecture))


@pytest.mark.parametrize("part", ["rms_norm", "rotated", "swiglu", "lora_linear"])
def test_a_part_that_computes_something_else_is_found_by_the_trial(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted(init_lora_weights=False)
    assert can_fuse(model)
    computed = getattr(__import__(FUSED, fromlist=[part]), part)
    monkeypatch.setattr(f"{FUSED}.{part}", lambda *given, **named: 1.001 * computed(*given, **named))
    assert not can_fuse(model)


def test_under_autocast_results_are_those_of_the_layers_as_they_are() -> None:
    model, ids = adapted(init_lora_weights=False).eval(), torch.arange(8).unsqueeze(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        plain = model(input_ids=ids).logits.float()
        with fused(model):
            ours = model(input_ids=ids).logits.float()
    assert (ours - plain).square().mean().sqrt() <= 0.01 * plain.std()


def test_nothing_is_left_behind() -> None:
    model, rotation = adapted(), modeling_llama.apply_rotary_pos_emb
    with fused(model):
        assert modeling_llama.apply_rotary_pos_emb is not rotation
    assert modeling_llama.apply_rotary_pos_emb is rotation
    assert not [module for module in model.modules() if "forward" in vars(module)]


@pytest.mark.parametrize(
    "lora", [{"lora_dropout": 0.5}, {"use_dora": True}, {"lora_bias": True}], ids=["dropout", "dora", "bias"]
)
def test_lora_that_does_more_is_computed_by_peft(lora: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{FUSED}.lora_linear", None)
    model = adapted(**lora).train()
    with fused(model):
        model(input_ids=torch.arange(8).unsqueeze(0))


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
