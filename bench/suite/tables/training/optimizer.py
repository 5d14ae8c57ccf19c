"""Optimisers by the name that transformers gives them, and the libraries that compute their steps."""

from dataclasses import dataclass
from typing import Literal

Optimizer = Literal[
    "adamw",
    "adamw_torch", "adamw_torch_fused", "adamw_torch_xla", "adamw_torch_npu_fused", "adafactor", "adamw_anyprecision",
    "adamw_torch_4bit", "adamw_torch_8bit", "ademamix", "sgd", "adagrad", "adamw_bnb_8bit", "adamw_8bit",
    "ademamix_8bit", "lion_8bit", "lion_32bit", "paged_adamw_32bit", "paged_adamw_8bit", "paged_ademamix_32bit",
    "paged_ademamix_8bit", "paged_lion_32bit", "paged_lion_8bit", "rmsprop", "rmsprop_bnb", "rmsprop_bnb_8bit",
    "rmsprop_bnb_32bit", "galore_adamw", "galore_adamw_8bit", "galore_adafactor", "galore_adamw_layerwise",
    "galore_adamw_8bit_layerwise", "galore_adafactor_layerwise", "lomo", "adalomo", "grokadamw", "schedule_free_radam",
    "schedule_free_adamw", "schedule_free_sgd", "apollo_adamw", "apollo_adamw_layerwise", "stable_adamw",
]  # fmt: skip
"""Names of `transformers.training_args.OptimizerNames`; `adamw` is `adamw_torch_fused`."""

FUSED_BACKWARD_OPTIMIZERS = frozenset(
    {
        "lomo", "adalomo", "galore_adamw_layerwise", "galore_adamw_8bit_layerwise", "galore_adafactor_layerwise",
        "apollo_adamw_layerwise",
    }
)  # fmt: skip
"""Optimisers that step inside the backward pass: only one gradient exists at a time."""

ELEMENTWISE_OPTIMIZERS = frozenset({"adamw", "adamw_torch", "adamw_torch_fused", "sgd", "rmsprop"})
"""Optimisers whose state begins with the first step and has the shape of each weight, so that FSDP shards it, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerLibrary:
    """A library that computes the steps of some optimisers."""

    beginnings: tuple[str, ...]
    """Beginnings of the names of these optimisers."""
    module: str
    """Module to import."""
    distribution: str
    """Package to install."""


_LIBRARIES = (
    OptimizerLibrary(beginnings=("galore",), module="galore_torch", distribution="galore-torch"),
    OptimizerLibrary(beginnings=("apollo",), module="apollo_torch", distribution="apollo-torch"),
    OptimizerLibrary(beginnings=("lomo", "adalomo"), module="lomo_optim", distribution="lomo-optim"),
    OptimizerLibrary(beginnings=("grokadamw",), module="grokadamw", distribution="grokadamw"),
    OptimizerLibrary(beginnings=("schedule_free",), module="schedulefree", distribution="schedulefree"),
    OptimizerLibrary(beginnings=("stable_adamw",), module="optimi", distribution="torch-optimi"),
    OptimizerLibrary(beginnings=("adamw_torch_4bit", "adamw_torch_8bit"), module="torchao", distribution="torchao"),
    OptimizerLibrary(beginnings=("adamw_anyprecision",), module="torchdistx", distribution="torchdistx"),
    OptimizerLibrary(beginnings=("adamw_torch_xla",), module="torch_xla", distribution="torch-xla"),
    OptimizerLibrary(beginnings=("adamw_torch_npu",), module="torch_npu", distribution="torch-npu"),
    OptimizerLibrary(
        beginnings=("lion", "paged_", "ademamix", "adamw_bnb", "adamw_8bit", "rmsprop_bnb", "galore_adamw_8bit"),
        module="bitsandbytes",
        distribution="bitsandbytes",
    ),
)


def libraries_of(optimizer: Optimizer) -> tuple[OptimizerLibrary, ...]:
    """Libraries beside torch and transformers that compute the steps of `optimizer`."""
    return tuple(library for library in _LIBRARIES if optimizer.startswith(library.beginnings))
