"""A linear layer with LoRA as one function, against PEFT's layer."""

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch.nn import Linear, Module

from bench.train.loop.layers.lora import lora_linear


@pytest.mark.parametrize("bias", [True, False])
def test_outputs_and_gradients_are_pefts(bias: bool) -> None:
    torch.manual_seed(0)
    model = Module()
    model.layer = Linear(6, 5, bias=bias)
    inject_adapter_in_model(LoraConfig(r=3, lora_alpha=7, target_modules=["layer"]), model)
    layer = model.layer
    down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    torch.nn.init.normal_(up)
    inputs, above = torch.randn(2, 4, 6, requires_grad=True), torch.randn(2, 4, 5)
    base = layer.get_base_layer()
    ours = lora_linear(inputs, base.weight, base.bias, down=down, up=up, scale=7 / 3)
    plain = layer(inputs)
    torch.testing.assert_close(ours, plain)
    for one, other in zip(*(torch.autograd.grad(out, [inputs, down, up], above) for out in (ours, plain)), strict=True):
        torch.testing.assert_close(one, other)
