"""Whether a configuration is that of a causal language model: the only kind that is trained and asked here."""

from __future__ import annotations

from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, PretrainedConfig

from bench.errors import InputError, Problem


def refuse_other_kinds(config: PretrainedConfig, where: str) -> None:
    """Raises `InputError` for a configuration of which transformers makes no causal language model."""
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        what = f"transformers makes no causal language model of model_type {config.model_type!r}"
        hint = "name a model that continues text, such as Llama or Qwen"
        raise InputError(Problem(reference="model.not-causal", what=what, where=where, hint=hint))
