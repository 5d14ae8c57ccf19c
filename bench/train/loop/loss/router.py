"""The router loss of mixtures of experts, which keeps their experts evenly used (Fedus et al. 2022, equations 4 to 6).

Contract: it is part of what is minimised where the base's configuration asks for it (`output_router_logits`, and a
coefficient), as in transformers and TRL: the coefficient times the mean over the forward passes of a step. Padding does
not count. Reported losses leave it out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PretrainedConfig
from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
"""Names under which configurations have their number of experts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterLoss:
    """The router loss that a configuration asks for."""

    coefficient: float
    experts_per_token: int

    def inputs(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of a training's forward pass over a collated batch, beside its own. The model leaves padding out of
        its loss where it has a mask of tokens; a packed batch has none."""
        masked = not _is_packed(batch) and _is_padded(batch)
        return {"output_router_logits": True, **({"attention_mask": batch["real"].long()} if masked else {})}

    def of(self, outputs: Any, batch: Mapping[str, Any]) -> torch.Tensor:
        """The loss of one forward pass, times its coefficient."""
        loss: torch.Tensor = outputs.aux_loss
        if _is_packed(batch) and _is_padded(batch):
            experts, real = outputs.router_logits[0].shape[-1], batch["real"].long()
            loss = load_balancing_loss_func(outputs.router_logits, experts, self.experts_per_token, real)
        return self.coefficient * loss


def _is_packed(batch: Mapping[str, Any]) -> bool:
    return "position_ids" in batch


def _is_padded(batch: Mapping[str, Any]) -> bool:
    return not bool(batch["real"].all())


def router_loss(config: PretrainedConfig) -> RouterLoss | None:
    """The router loss that the base's configuration asks for; `None` if it asks for none."""
    text = config.get_text_config()
    reports_logits, coefficient = (
        getattr(text, "output_router_logits", False),
        getattr(text, "router_aux_loss_coef", 0.0),
    )
    return (
        RouterLoss(coefficient=coefficient, experts_per_token=text.num_experts_per_tok)
        if reports_logits and coefficient
        else None
    )


def describe_router_loss(config: PretrainedConfig) -> str | None:
    """Whether the router loss is applied, in words; `None` for a model without experts."""
    text = config.get_text_config()
    if (loss := router_loss(config)) is not None:
        return f"applied, coefficient {loss.coefficient:g}"
    if getattr(text, "output_router_logits", None) is False:
        return "not applied: output_router_logits is false in the model's configuration"
    if hasattr(text, "output_router_logits"):
        return "not applied: router_aux_loss_coef is 0 in the model's configuration"
    experts = any((getattr(text, name, None) or 0) > 1 for name in _EXPERTS)
    return "not applied: transformers has none for this architecture" if experts else None
