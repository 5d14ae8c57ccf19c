"""Layers of a Llama-like model, and of LoRA, with their parts fused while they are trained on a processor.

Contract: only layers of the listed classes, whose forward pass nothing else has replaced, are fused, and only where a
trial of one of them gave the outputs and gradients of the layer as it was. Behind `fused` the model is as before.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor
from torch.nn import Embedding, Identity, Linear, Module

from bench.model.head import output_head
from bench.model.native.decoder import LAYERS
from bench.model.torch_private import has_hooks
from bench.train.loop.layers.lora import lora_linear
from bench.train.loop.layers.parts import computable, rms_norm, rotated, swiglu

_ROTATION = "apply_rotary_pos_emb"
"""Name under which each file of transformers' models looks its rotation up."""
_NEAR = 1e-4
"""Largest difference of a number of the trial, in root mean squares of its tensor, that counts as rounding."""


@contextmanager
def fused(model: Module) -> Iterator[None]:
    """While open, the parts of the model's layers are fused."""
    layers = _layers(model)
    files = {id(names): names for layer in layers for names in [_file_of(layer)]}
    replaced = [(module, forward) for module in model.modules() if (forward := _fused_forward(module)) is not None]
    rotations = [(names, names[_ROTATION]) for names in files.values()]
    embeddings = _trained_with_the_head(model)
    try:
        for embedding in embeddings:
            embedding.sparse = True
        for module, forward in replaced:
            module.forward = forward
        for names, rotation in rotations:
            names[_ROTATION] = partial(_rotate, rotation)
        yield
    finally:
        for embedding in embeddings:
            embedding.sparse = False
        for module, _ in replaced:
            del module.forward
        for names, rotation in rotations:
            names[_ROTATION] = rotation


def can_fuse(model: Module) -> bool:
    """Whether the model's layers can be fused: tried on its first, in which one thing is seen of all, since all have
    the same parts."""
    layers = _layers(model)
    if not layers or not computable(*layers[0].parameters()):
        return False
    try:
        plain, ours = (_tried(model, layers[0], how) for how in (nullcontext, partial(fused, model)))
    except (AttributeError, RuntimeError, TypeError, ValueError, StopIteration):
        return False
    return all(_near(one, other) for one, other in zip(plain, ours, strict=True))


def _layers(model: Module) -> list[Any]:
    return [module for module in model.modules() if type(module).__name__ in LAYERS]


def _trained_with_the_head(model: Module) -> list[Embedding]:
    """Embeddings whose weights are the head's, too. The rows that were read are added to the head's gradient, which has
    all rows: without `sparse` torch makes a second one of as many zeros for them, and adds up the two."""
    head = output_head(model)
    return [
        module
        for module in model.modules()
        if type(module) is Embedding and module.weight is getattr(head, "weight", None) and module.weight.requires_grad
        and not (module.sparse or module.scale_grad_by_freq)
    ]  # fmt: skip


def _file_of(layer: Any) -> dict[str, Any]:
    """The names of the file that the layer's attention is written in."""
    names: dict[str, Any] = type(layer.self_attn).forward.__globals__
    return names


def _fused_forward(module: Module) -> Callable[..., Tensor] | None:
    """What computes the same as the forward pass of `module`, if it has to: a method of its class, without hooks."""
    kind = type(module).__name__
    if "forward" in vars(module) or has_hooks(module):
        return None
    if kind.endswith("RMSNorm") and hasattr(module, "variance_epsilon"):
        return partial(_normalise, module, module.forward)
    if kind.endswith("MLP") and type(getattr(module, "act_fn", None)).__name__ in {"SiLU", "SiLUActivation"}:
        return partial(_perceptron, module, module.forward)
    return partial(_adapted, module, module.forward) if type(module) is LoraLinear else None


def _normalise(norm: Any, plain: Callable[[Tensor], Tensor], hidden: Tensor) -> Tensor:
    return rms_norm(hidden, norm.weight, norm.variance_epsilon) if computable(hidden, norm.weight) else plain(hidden)


def _perceptron(perceptron: Any, plain: Callable[[Tensor], Tensor], hidden: Tensor) -> Tensor:
    if not computable(hidden) or torch.is_autocast_enabled("cpu"):
        return plain(hidden)
    down: Tensor = perceptron.down_proj(swiglu(perceptron.gate_proj(hidden), perceptron.up_proj(hidden)))
    return down


def _rotate(
    plain: Callable[..., tuple[Tensor, Tensor]], queries: Tensor, keys: Tensor, cosines: Tensor, sines: Tensor,
    *more: Any, **named: Any,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Queries and keys [rows, heads, length, size], turned."""
    if more or named or not computable(queries, keys, cosines, sines) or cosines.shape[-1] != queries.shape[-1]:
        return plain(queries, keys, cosines, sines, *more, **named)
    turned = [rotated(heads.transpose(1, 2), cosines, sines).transpose(1, 2) for heads in (queries, keys)]
    return turned[0], turned[1]


def _adapted(layer: Any, plain: Callable[..., Tensor], inputs: Tensor, *more: Any, **named: Any) -> Tensor:
    """LoRA, one adapter of it without a variant; anything else by PEFT."""
    name, base = layer.active_adapters[0], layer.get_base_layer()
    simple = (
        not (more or named or layer.disable_adapters or layer.merged or layer.lora_variant)
        and layer.active_adapters == [name]
        and name in layer.lora_A
        and type(base) is Linear
        and not (has_hooks(base) or base.weight.requires_grad)
        and (isinstance(layer.lora_dropout[name], Identity) or not layer.training)
        and not layer.lora_bias[name]
    )
    if not simple or torch.is_autocast_enabled("cpu") or not computable(inputs, base.weight, *layer.parameters()):
        return plain(inputs, *more, **named)
    down, up = layer.lora_A[name].weight, layer.lora_B[name].weight
    return lora_linear(inputs, base.weight, base.bias, down=down, up=up, scale=float(layer.scaling[name]))


def _tried(model: Module, layer: Any, how: Callable[[], Any]) -> list[Tensor]:
    """Output of one layer over made-up rows, and the gradients of its inputs and trained weights."""
    generator, rows, length = torch.Generator().manual_seed(0), 2, 9
    width = layer.input_layernorm.weight.numel()
    hidden = torch.randn(rows, length, width, generator=generator, requires_grad=True)
    angles = _rotary(model)(hidden, torch.arange(length).unsqueeze(0))
    trained = [parameter for parameter in layer.parameters() if parameter.requires_grad]
    training = layer.training
    layer.eval()  # dropout would draw twice
    try:
        with how(), torch.enable_grad():
            out = layer(hidden, position_embeddings=angles)
            above = torch.randn(out.shape, generator=generator)
            return [out.detach(), *torch.autograd.grad(out, [hidden, *trained], above)]
    finally:
        layer.train(training)


def _rotary(model: Module) -> Any:
    return next(module for name, module in model.named_modules() if name.endswith("rotary_emb"))


def _near(one: Tensor, other: Tensor) -> bool:
    size = one.square().mean().sqrt()
    return bool(((one - other).abs() <= _NEAR * size).all())
