"""MFU is a share of counted operations: if the count is wrong, so is every MFU in every report."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, OPTConfig, Qwen2Config

from bench.model.flops import FlopModel, Work, flop_model

BATCH, LENGTH = 2, 48
SHAPES = {
    "gpt2": GPT2Config(n_embd=64, n_layer=3, n_head=4, vocab_size=211, n_positions=64),
    "llama": LlamaConfig(
        hidden_size=64, intermediate_size=172, num_hidden_layers=3, num_attention_heads=8, num_key_value_heads=4,
        vocab_size=211, max_position_embeddings=64, head_dim=8,
    ),
    "qwen2": Qwen2Config(
        hidden_size=64, intermediate_size=160, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=211, tie_word_embeddings=True,
    ),
    "opt": OPTConfig(
        hidden_size=64, ffn_dim=256, num_hidden_layers=3, num_attention_heads=4, vocab_size=211,
        max_position_embeddings=64, word_embed_proj_dim=64,
    ),
}  # fmt: skip


def build(shape: str, method: str) -> torch.nn.Module:
    """A real (not meta) model of the shape, with what `method` trains left trainable."""
    torch.manual_seed(0)
    # eager: torch's counter does not know the fused attention kernel of CPUs
    model = AutoModelForCausalLM.from_config(SHAPES[shape], attn_implementation="eager").float()
    if method == "lora":
        return get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    return model


def counted(model: torch.nn.Module) -> tuple[int, int]:
    """Forward and total operations of one training pass, as torch's own counter sees them."""
    ids = torch.randint(0, 200, (BATCH, LENGTH))
    with FlopCounterMode(display=False) as forward:
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    return forward.get_total_flops(), backward.get_total_flops()


WORK = Work(positions=BATCH * LENGTH, pairs=BATCH * LENGTH**2, head_positions=BATCH * LENGTH)


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("shape", SHAPES)
def test_within_two_percent_of_torchs_counter(shape: str, method: str) -> None:
    model = build(shape, method)
    expected_forward, expected_backward = counted(model)
    flops = flop_model(model)
    assert flops.forward(WORK) == pytest.approx(expected_forward, rel=0.02)
    assert flops.backward(WORK) == pytest.approx(expected_backward, rel=0.02)


@pytest.mark.parametrize("shape", SHAPES)
def test_meta_model_gives_the_same_count(shape: str) -> None:
    with torch.device("meta"):
        meta = AutoModelForCausalLM.from_config(SHAPES[shape])
    assert flop_model(meta) == flop_model(build(shape, "full"))


def test_lora_costs_about_two_thirds_of_full() -> None:
    full, lora = (flop_model(build("llama", method)).training(WORK) for method in ("full", "lora"))
    assert 0.6 < lora / full < 0.85


def test_checkpointing_adds_one_forward_of_the_layers() -> None:
    flops: FlopModel = flop_model(build("llama", "full"))
    extra = flops.hardware(WORK, checkpointing=True) - flops.hardware(WORK, checkpointing=False)
    head = flops.head.forward * WORK.head_positions
    assert extra == flops.forward(WORK) - head
