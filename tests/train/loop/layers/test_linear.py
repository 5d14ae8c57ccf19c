"""A linear layer by products alone, against torch's and PEFT's."""

from typing import Any

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor
from torch.nn import Linear, Module

from bench.train.loop.layers.linear import Gradients, TrainedLinear, is_trainable_here

INPUTS = torch.randn(8, 6, generator=torch.Generator().manual_seed(1))
ABOVE = torch.randn(8, 5, generator=torch.Generator().manual_seed(2))


def linear(*, adapted: bool, bias: bool = True, **lora: Any) -> Any:
    """One linear layer, its weights all drawn."""
    torch.manual_seed(0)
    model = Module()
    model.layer = Linear(6, 5, bias=bias)
    if adapted:
        named = {"r": 3, "lora_alpha": 7, "init_lora_weights": False, **lora}
        inject_adapter_in_model(LoraConfig(target_modules=["layer"], **named), model)
    return model.layer


def ours(layer: Any, dtype: torch.dtype) -> tuple[Tensor, Tensor, Gradients]:
    """Outputs, and gradients of inputs and weights."""
    trained, gradients = TrainedLinear(layer), Gradients()
    inputs = INPUTS.to(dtype)
    outputs, narrow = trained.forward(inputs)
    return outputs, trained.backward(ABOVE.to(dtype), inputs, narrow, gradients, into=None), gradients


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("adapted", [True, False], ids=["lora", "full"])
@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-6), (torch.bfloat16, 0.01)], ids=str)
def test_outputs_and_gradients_are_those_of_the_layer(
    adapted: bool, bias: bool, dtype: torch.dtype, near: float
) -> None:
    layer, inputs = linear(adapted=adapted, bias=bias), INPUTS.clone().requires_grad_()
    outputs, of_inputs, gradients = ours(layer, dtype)
    trained = [weight for weight in layer.parameters() if weight.requires_grad]
    plain = layer(inputs)
    expected = (plain, *torch.autograd.grad(plain, [inputs, *trained], ABOVE))
    assert set(gradients) == set(trained)
    for one, other in zip((outputs, of_inputs, *map(gradients.get, trained)), expected, strict=True):
        assert one is not None
        assert (one - other).norm() <= near * other.norm()


def test_a_gradient_is_added_to_what_other_layers_left() -> None:
    trained, into = TrainedLinear(linear(adapted=True)), torch.ones(8, 6)
    _, narrow = trained.forward(INPUTS)
    alone = trained.backward(ABOVE, INPUTS, narrow, Gradients(), into=None)
    torch.testing.assert_close(trained.backward(ABOVE, INPUTS, narrow, Gradients(), into=into), alone + 1)


def test_a_weight_that_an_optimiser_moved_is_multiplied_by_as_it_is_now() -> None:
    layer = linear(adapted=False, bias=False)
    trained, inputs = TrainedLinear(layer), INPUTS.bfloat16()
    trained.forward(inputs)
    layer.weight.data.mul_(2)
    torch.testing.assert_close(trained.forward(inputs)[0], inputs @ layer.weight.bfloat16().t())


@pytest.mark.parametrize(
    "lora", [{"lora_dropout": 0.5}, {"use_dora": True}, {"lora_bias": True}], ids=["dropout", "dora", "bias"]
)
def test_lora_that_does_more_is_left_to_peft(lora: dict[str, Any]) -> None:
    assert is_trainable_here(linear(adapted=True))
    assert not is_trainable_here(linear(adapted=True, **lora))


def test_an_adapter_that_is_off_or_merged_is_left_to_peft() -> None:
    layer = linear(adapted=True)
    layer.enable_adapters(enabled=False)
    assert not is_trainable_here(layer)
    layer.enable_adapters(enabled=True)
    assert is_trainable_here(layer)
    layer.merge()
    assert not is_trainable_here(layer)


def test_several_adapters_are_left_to_peft() -> None:
    layer = linear(adapted=True)
    layer.update_layer("other", 3, lora_alpha=7, config=LoraConfig(r=3))
    assert not is_trainable_here(layer)
