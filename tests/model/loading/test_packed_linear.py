"""Packed linear layers: the same outputs and the same memory, on the processor alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench.model.loading.packed_linear import pack_linears
from tests.evals.loud import loud, other_model
from tests.fakes.checkpoints import ARCHITECTURES

IDS = torch.arange(2, 26).view(2, 12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_outputs_are_those_of_the_plain_model(architecture: Any, dtype: torch.dtype) -> None:
    model = loud(architecture).to(dtype)
    with torch.inference_mode():
        plain = model(input_ids=IDS).logits
        assert pack_linears(model) >= 2 * 4 + 1, "attention, the two steps of the perceptron, the head"
        packed = model(input_ids=IDS).logits
    assert packed.dtype == dtype
    near = 1e-4 if dtype == torch.float32 else 0.1
    assert torch.allclose(plain, packed, rtol=near, atol=near * float(plain.abs().max()))


@pytest.mark.parametrize("architecture", ["mamba", "mamba2", "rwkv"])
def test_a_weight_that_its_model_multiplies_itself_is_kept(architecture: str) -> None:
    """Every score of a Mamba on a processor was missing: its output was not finite."""
    model = other_model(architecture)
    with torch.inference_mode():
        plain = model(input_ids=IDS, use_cache=False).logits
        assert pack_linears(model) >= 2 * 2 + 1
        packed = model(input_ids=IDS, use_cache=False).logits
    assert torch.allclose(plain, packed, rtol=1e-4, atol=1e-4 * float(plain.abs().max()))


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
