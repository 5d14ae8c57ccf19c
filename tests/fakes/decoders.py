"""Small random decoders of the classes that are computed in C++."""

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

DECODERS: dict[str, dict[str, Any]] = {
    "llama": {"num_key_value_heads": 4, "head_dim": 8},
    "llama, one key head": {"num_key_value_heads": 1, "head_dim": 24},
    "llama, biases": {"num_key_value_heads": 2, "attention_bias": True, "mlp_bias": True},
    "llama, scaled positions": {
        "num_key_value_heads": 2,
        "rope_parameters": {"rope_type": "linear", "rope_theta": 100.0, "factor": 4.0},
    },
    "mistral": {"num_key_value_heads": 2, "sliding_window": None},
    "qwen2": {"num_key_value_heads": 2},
    "qwen3": {"num_key_value_heads": 2, "head_dim": 16},
}


def decoder(name: str, **settings: Any) -> PreTrainedModel:
    """A random model whose attention shows, with norms and biases that do not."""
    shape = {"vocab_size": 384, "hidden_size": 40, "intermediate_size": 61, "num_hidden_layers": 2,
             "num_attention_heads": 4, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None}  # fmt: skip
    config = AutoConfig.for_model(name.split(",")[0], **{**shape, **DECODERS.get(name, {}), **settings})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config).eval()
        with torch.no_grad():
            for weight_name, weight in model.named_parameters():
                if weight.ndim == 1:
                    weight.add_(0.3 * torch.randn_like(weight))
                elif "embed" not in weight_name:
                    weight.mul_(8)
    return model
