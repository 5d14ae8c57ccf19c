"""Tiny random checkpoints of architectures that need care: sliding windows, experts, states, linear biases.

Weights are drawn large enough that what a row sees shows in its logits.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, PretrainedConfig

from tests.fakes.checkpoints import tiny_tokenizer

VOCABULARY, WINDOW = 384, 16

_COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, "initializer_range": 0.2,
    "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None, "tie_word_embeddings": False,
}  # fmt: skip
_QWEN_EXPERTS = {"moe_intermediate_size": 16, "num_experts": 4, "num_experts_per_tok": 2}


def _like_llama(name: str, **fields: Any) -> Callable[[], PretrainedConfig]:
    return lambda: getattr(transformers, name)(**{**_COMMON, **fields})


def _other(name: str, **fields: Any) -> Callable[[], PretrainedConfig]:
    return lambda: getattr(transformers, name)(vocab_size=VOCABULARY, bos_token_id=0, eos_token_id=1, **fields)


SLIDING: dict[str, Callable[[], PretrainedConfig]] = {
    "mistral": _like_llama("MistralConfig", sliding_window=WINDOW),
    "gemma2": _like_llama("Gemma2Config", sliding_window=WINDOW, head_dim=8),
    "gemma3": _like_llama("Gemma3TextConfig", sliding_window=WINDOW, head_dim=8),
    "qwen2": _like_llama("Qwen2Config", sliding_window=WINDOW, use_sliding_window=True, max_window_layers=1),
    "gpt_neo": _other(
        "GPTNeoConfig", hidden_size=32, num_layers=2, num_heads=4, max_position_embeddings=256, window_size=WINDOW,
        attention_types=[[["global", "local"], 1]], resid_dropout=0, embed_dropout=0, attention_dropout=0,
        initializer_range=0.2,
    ),
}  # fmt: skip
"""Attention that does not see the whole row."""

EXPERTS: dict[str, Callable[[], PretrainedConfig]] = {
    "mixtral": _like_llama("MixtralConfig", num_local_experts=4, num_experts_per_tok=2),
    "qwen2_moe": _like_llama("Qwen2MoeConfig", shared_expert_intermediate_size=32, **_QWEN_EXPERTS),
    "qwen3_moe": _like_llama("Qwen3MoeConfig", head_dim=8, **_QWEN_EXPERTS),
}
"""Mixtures of experts."""

UNPACKABLE: dict[str, Callable[[], PretrainedConfig]] = {
    "mamba": _other("MambaConfig", hidden_size=32, num_hidden_layers=2, state_size=8, initializer_range=0.2),
    "mamba2": _other(
        "Mamba2Config", hidden_size=32, num_hidden_layers=2, state_size=8, num_heads=8, head_dim=8, n_groups=1,
        chunk_size=8,
    ),
    "rwkv": _other("RwkvConfig", hidden_size=32, num_hidden_layers=2, context_length=256, attention_hidden_size=32),
    "jamba": _like_llama(
        "JambaConfig", num_experts=4, num_experts_per_tok=2, mamba_d_state=8, attn_layer_period=2, attn_layer_offset=1,
        expert_layer_period=2, expert_layer_offset=1, use_mamba_kernels=False,
    ),
    "bloom": _other("BloomConfig", hidden_size=32, n_layer=2, n_head=4, initializer_range=0.2),
    "gpt_oss": _like_llama(
        "GptOssConfig", head_dim=8, num_local_experts=4, num_experts_per_tok=2, sliding_window=8,
        layer_types=["sliding_attention", "full_attention"],
    ),
    "mpt": _other("MptConfig", d_model=32, n_layers=2, n_heads=4, max_seq_len=256),
    "falcon_alibi": _other(
        "FalconConfig", hidden_size=32, num_hidden_layers=2, num_attention_heads=4, alibi=True,
        new_decoder_architecture=False, max_position_embeddings=256,
    ),
}  # fmt: skip
"""Models whose packed rows see each other, whatever they are given."""


def architecture_checkpoint(folder: Path, config: PretrainedConfig, *, seed: int = 0) -> Path:
    """Writes a random model of `config` and the tiny tokenizer into `folder` and returns it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.save_pretrained(folder)
    tiny_tokenizer(vocabulary=VOCABULARY).save_pretrained(folder)
    return folder
