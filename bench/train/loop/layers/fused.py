"""Layers of a Llama-like model, and of LoRA, computed as `TrainedLayer` while they are trained on a processor.

Contract: only layers of the listed classes, whose forward pass nothing else has replaced, are fused, and only where a
trial of one of them gave the outputs and gradients of the layer as it was. Behind `fused` the model is as before.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import Embedding, Module

from bench.model.head import output_head
from bench.model.native.decoder import LAYERS
from bench.model.transformers_private import attention_implementation
from bench.train.loop.layers.attention import begins_of
from bench.train.loop.layers.decoder_layer import TrainedLayer
from bench.train.loop.layers.half import LayerRows
from bench.train.loop.layers.linear import is_changed, is_trainable_here
from bench.train.loop.layers.parts import computable, rms_norm
from bench.train.loop.layers.sdpa import is_faster

_LINEARS = tuple(f"self_attn.{name}_proj" for name in "qkvo") + tuple(
    f"mlp.{name}_proj" for name in ("gate", "up", "down")
)
_USUAL = {"position_ids", "use_cache", "position_embeddings", "cache_position"}
"""What a layer may be given without it being asked for anything but whole rows."""
_NEAR = {torch.float32: 1e-5, torch.bfloat16: 0.03}
"""Largest root mean square of the trial's differences in those of its tensors that counts as rounding, by the numbers
that products take."""


@contextmanager
def fused(model: Module) -> Iterator[None]:
    """While open, the layers of the model are fused."""
    replaced = [(module, forward) for module in model.modules() if (forward := _fused_forward(module)) is not None]
    embeddings = _trained_with_the_head(model)
    try:
        for embedding in embeddings:
            embedding.sparse = True
        for module, forward in replaced:
            module.forward = forward
        yield
    finally:
        for embedding in embeddings:
            embedding.sparse = False
        for module, _ in replaced:
            del module.forward


def can_fuse(model: Module) -> bool:
    """Whether the model's layers can be fused, for products as autocast has them now: tried on its first, in which one
    thing is seen of all, since all have the same parts."""
    if not is_known(model):
        return False
    layer = _layers(model)[0]
    try:
        plain, ours = (_tried(model, layer, forward) for forward in (layer, FusedLayer(layer).fused))
    except (AttributeError, RuntimeError, TypeError, ValueError, StopIteration):
        return False
    return all(_near(one, other) for one, other in zip(plain, ours, strict=True))


def is_known(model: Module) -> bool:
    """Whether all that the model's layers are made of computes what listed classes say, and can be computed here."""
    layers = _layers(model)
    return bool(layers) and all(map(_is_known, layers)) and computable(*layers[0].parameters())


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


def _fused_forward(module: Module) -> Callable[..., Tensor] | None:
    """What computes the same as the forward pass of `module`, if it has to: a method of its class, without hooks."""
    name = type(module).__name__
    if name in LAYERS:
        return FusedLayer(module).forward if _is_known(module) else None
    if is_changed(module) or not (name.endswith("RMSNorm") and hasattr(module, "variance_epsilon")):
        return None
    return partial(_normalise, module, module.forward)


def _normalise(norm: Any, plain: Callable[[Tensor], Tensor], hidden: Tensor) -> Tensor:
    if not computable(hidden, norm.weight) or hidden.dtype != norm.weight.dtype:
        return plain(hidden)
    return rms_norm(hidden, norm.weight, norm.variance_epsilon)


def _is_known(layer: Any) -> bool:
    """Whether all that the layer is made of computes what its class says."""
    return (
        not any(map(is_changed, layer.modules()))
        and all(is_trainable_here(layer.get_submodule(name)) for name in _LINEARS)
        and type(layer.mlp.act_fn).__name__ in {"SiLU", "SiLUActivation"}
        and attention_implementation(layer.self_attn.config) == "sdpa"
        and not layer.self_attn.attention_dropout
    )


class FusedLayer:
    """The forward pass of a decoder layer: fused, or the layer's own where that is asked for more."""

    def __init__(self, layer: Any) -> None:
        self._plain, self._trained = layer.forward, TrainedLayer(layer)
        self._key_heads = int(layer.self_attn.config.num_key_value_heads)
        self._linears = [layer.get_submodule(name) for name in _LINEARS]

    def forward(self, hidden_states: Tensor, attention_mask: Tensor | None = None, **more: Any) -> Tensor:
        """The stream behind the layer, given as transformers gives it."""
        begins = None if attention_mask is None else begins_of(attention_mask, len(hidden_states))
        asked = {name for name, value in more.items() if value is not None and value is not False}
        rows, length, _ = hidden_states.shape
        usual = (
            asked <= _USUAL
            and (begins is None) == (attention_mask is None)
            and is_faster(rows, self._key_heads, length)
        )
        fits = computable(hidden_states) and _of_products(hidden_states) in (torch.bfloat16, hidden_states.dtype)
        if usual and fits and all(map(is_trainable_here, self._linears)):
            return self.fused(hidden_states, begins=begins, **more)
        out: Tensor = self._plain(hidden_states, attention_mask=attention_mask, **more)
        return out

    def fused(
        self, hidden: Tensor, *, position_embeddings: tuple[Tensor, Tensor], begins: Tensor | None = None, **_: Any
    ) -> Tensor:
        """The stream by `TrainedLayer`; `begins` in place of a mask."""
        cosines, sines = (angles.float().contiguous() for angles in position_embeddings)
        rows, length, _width = hidden.shape
        seen = LayerRows(shape=(rows, length), angles=(cosines, sines), begins=begins)
        return self._trained.forward(hidden, seen, _of_products(hidden))


def _of_products(hidden: Tensor) -> torch.dtype:
    """Numbers that products take, of a layer that is given `hidden`."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else hidden.dtype


def _tried(model: Module, layer: Any, forward: Callable[..., Tensor]) -> list[Tensor]:
    """Output of one layer over made-up rows, and the gradients of its inputs and trained weights."""
    generator, rows, length = torch.Generator().manual_seed(0), 2, 9
    width, dtype = layer.input_layernorm.weight.numel(), layer.input_layernorm.weight.dtype
    hidden = torch.randn(rows, length, width, generator=generator).to(dtype).requires_grad_()
    angles = _rotary(model)(hidden, torch.arange(length).unsqueeze(0))
    trained = [parameter for parameter in layer.parameters() if parameter.requires_grad]
    with torch.enable_grad():
        out = forward(hidden, position_embeddings=angles)
        above = torch.randn(out.shape, generator=generator).to(dtype)
        return [out.detach(), *torch.autograd.grad(out, [hidden, *trained], above)]


def _rotary(model: Module) -> Any:
    return next(module for name, module in model.named_modules() if name.endswith("rotary_emb"))


def _near(one: Tensor, other: Tensor) -> bool:
    near = _NEAR[torch.bfloat16 if torch.is_autocast_enabled("cpu") else one.dtype]
    return bool((one.float() - other.float()).norm() <= near * one.float().norm())
