"""Packed linear layers: the same outputs and the same memory, on the processor alone."""

from typing import Any

import pytest
import torch
from peft import HRAConfig, IA3Config, LoraConfig, get_peft_model

from bench.model.loading.packed_linear import pack_linears
from bench.model.native.packed_weight import multiplies
from bench.model.torch_private import can_pack
from tests.evals.loud import loud, other_model
from tests.fakes.checkpoints import ARCHITECTURES

IDS = torch.arange(2, 26).view(2, 12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_outputs_are_those_of_the_plain_model(architecture: Any, dtype: torch.dtype) -> None:
    model = loud(architecture).to(dtype)
    with torch.inference_mode():
        plain = model(input_ids=IDS).logits
        layers = 2 * 4 + 1 if can_pack(dtype) or multiplies(dtype) else 0
        assert pack_linears(model) >= layers, "attention, the two steps of the perceptron, the head"
        packed = model(input_ids=IDS).logits
    assert packed.dtype == dtype
    near = 1e-4 if dtype == torch.float32 else 0.1
    assert torch.allclose(plain, packed, rtol=near, atol=near * float(plain.abs().max()))


def test_a_type_that_the_processor_does_not_know_stays_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """bf16 on a processor without it: every eval in that precision failed."""
    for packs in ("can_pack", "multiplies"):
        monkeypatch.setattr(f"bench.model.loading.packed_linear.{packs}", lambda dtype: dtype is torch.float32)
    layer = torch.nn.Sequential(torch.nn.Linear(5, 5), torch.nn.Linear(5, 5).to(torch.bfloat16))
    assert pack_linears(layer) == 1
    assert layer[1](torch.ones(1, 5, dtype=torch.bfloat16)).isfinite().all()


@pytest.mark.parametrize("architecture", ["mamba", "mamba2", "rwkv"])
def test_a_weight_that_its_model_multiplies_itself_is_kept(architecture: str) -> None:
    """Every score of a Mamba on a processor was missing: its output was not finite."""
    model = other_model(architecture)
    with torch.inference_mode():
        plain = model(input_ids=IDS, use_cache=False).logits
        assert pack_linears(model) >= 2 * 2 + 1
        packed = model(input_ids=IDS, use_cache=False).logits
    assert torch.allclose(plain, packed, rtol=1e-4, atol=1e-4 * float(plain.abs().max()))


@pytest.mark.parametrize(
    ("config", "packed"),
    [
        (LoraConfig(init_lora_weights=False, target_modules="all-linear"), True),
        (LoraConfig(init_lora_weights=False, use_dora=True, target_modules="all-linear"), False),
        (LoraConfig(init_lora_weights=False, target_modules=[], target_parameters=["q_proj.weight"]), False),
        (HRAConfig(init_weights=False, target_modules=["q_proj"]), False),
        (IA3Config(init_ia3_weights=False, target_modules=["q_proj"], feedforward_modules=[]), False),
    ],
    ids=["lora", "dora", "parameters", "hra", "ia3"],
)
def test_a_weight_that_an_adapter_on_it_reads_is_kept(config: Any, packed: bool) -> None:
    """Every score of a DoRA adapter in its layers was missing: its output was not finite. LoRA on parameters had no
    effect there, and scored as the base."""
    model: Any = get_peft_model(loud("llama"), config).get_base_model()
    base = model.model.layers[0].self_attn.q_proj.base_layer
    with torch.inference_mode():
        plain = model(input_ids=IDS).logits
        assert pack_linears(model) >= 1, "the head at the least"
        assert base.weight.isnan().all() == packed
        again = model(input_ids=IDS).logits
    assert torch.allclose(plain, again, rtol=1e-4, atol=1e-4 * float(plain.abs().max()))


def test_every_plain_linear_layer_is_packed_and_its_weight_given_back() -> None:
    """Two copies would double what an eval holds; a tied head's matrix is needed by the embedding."""
    layer = torch.nn.Sequential(torch.nn.Embedding(7, 5), torch.nn.Linear(5, 5), torch.nn.Linear(5, 7, bias=False))
    layer[2].weight = layer[0].weight
    plain = layer(IDS % 7)
    assert pack_linears(layer) == 2
    assert torch.allclose(layer(IDS % 7), plain, atol=1e-6)
    assert layer[1].weight.untyped_storage().nbytes() == 4
    assert layer[1].weight.shape == (5, 5)
    assert layer[1].weight.isnan().all(), "whoever reads it must notice"
    assert layer[0].weight.isfinite().all()


def test_layers_of_another_kind_are_left_as_they_are() -> None:
    class Adapted(torch.nn.Linear):
        """Stands for an adapter's layer."""

    layer = torch.nn.Sequential(Adapted(5, 5), torch.nn.Linear(5, 5).double(), torch.nn.Linear(5, 5, device="meta"))
    assert pack_linears(layer) == 0
