"""Rounds the weights of a model in memory as loading its files in that precision would.

Contract: what a model computes at construction (the frequencies of rotary positions) keeps its precision, and so do the
weights that transformers keeps in fp32. `module.to(dtype)` would round these too: a merged adapter whose update is zero
would then give other logits than its base.
"""

import torch

from bench.model.transformers_private import stays_fp32


@torch.no_grad()
def round_weights(model: torch.nn.Module, dtype: torch.dtype) -> None:
    """Rounds parameters and stored buffers of `model` to `dtype`, in place."""
    stored, stays = model.state_dict().keys(), stays_fp32(model, dtype)
    for tensors in (model.named_parameters(), model.named_buffers()):
        for name, tensor in tensors:
            if tensor.is_floating_point() and name in stored:
                tensor.data = tensor.data.to(torch.float32 if stays(name) else dtype)
