"""Files of an adapter's folder, as PEFT names them."""

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
EMBEDDING_MODULES = ("embed_tokens", "wte", "word_embeddings", "embed_in", "lm_head", "embed_out")
"""Modules whose matrices PEFT may save whole beside an adapter."""
