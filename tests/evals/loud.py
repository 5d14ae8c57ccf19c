"""Random models whose attention shows in their output."""

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from tests.fakes.checkpoints import Architecture, tiny_model

_SHAPE: dict[str, Any] = {"vocab_size": 384, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
_GROUPED: dict[str, Any] = {**_SHAPE, "intermediate_size": 64, "num_key_value_heads": 2, "head_dim": 8}
OTHERS: dict[str, dict[str, Any]] = {
    "mpt": {"vocab_size": 384, "d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 64},
    "bloom": {"vocab_size": 384, "hidden_size": 32, "n_layer": 2, "n_head": 4},
    "falcon": {**_SHAPE, "new_decoder_architecture": False, "multi_query": True, "parallel_attn": True, "bias": False},
    "mistral": {**_GROUPED, "sliding_window": 9},
    "gemma2": {**_GROUPED, "sliding_window": 9, "query_pre_attn_scalar": 8},
    "phi": {**_SHAPE, "intermediate_size": 64},
    "gpt_neo": {"vocab_size": 384, "hidden_size": 32, "num_layers": 2, "num_heads": 4, "max_position_embeddings": 64,
                "window_size": 18, "attention_types": [[["global", "local"], 1]]},
    "mamba": {"vocab_size": 384, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8},
    "mamba2": {"vocab_size": 384, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "num_heads": 8,
               "head_dim": 8, "n_groups": 1, "chunk_size": 8},
    "rwkv": {"vocab_size": 384, "hidden_size": 32, "attention_hidden_size": 32, "num_hidden_layers": 2,
             "context_length": 64},
}  # fmt: skip
"""Distance biases, sliding windows (in the mask, and cut by the layer itself), soft-capped logits, multi-query and
parallel attention, and states in the place of keys and values."""


def other_model(architecture: str) -> PreTrainedModel:
    """A random model of one of `OTHERS`."""
    tokens = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None}
    config = AutoConfig.for_model(architecture, **tokens, **OTHERS[architecture])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 2 and not name.endswith("A_log"):  # how fast a state fades
                weight.mul_(4)
    return model


def loud(architecture: Architecture) -> PreTrainedModel:
    """A random model whose attention matters: with its usual small weights a wrong mask would hardly show."""
    model = tiny_model(architecture).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 2 and "embed" not in name and "wte" not in name:
                weight.mul_(8)
    return model
