"""Whether a configuration is that of a causal language model: the only kind that is trained and asked here."""

from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, PretrainedConfig

from bench.errors import InputError, Problem

_BOTH_WAYS = frozenset({"xlnet", "cpmant"})
"""Model types in which a token sees those behind it, though transformers lists them as causal."""


def refuse_other_kinds(config: PretrainedConfig, where: str) -> None:
    """Raises `InputError` for a configuration of which transformers makes no causal language model, and for one whose
    tokens see those behind them: its loss is that of words it has read."""
    what = None
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        what = f"transformers makes no causal language model of model_type {config.model_type!r}"
    elif config.model_type in _BOTH_WAYS or _is_encoder(config):
        what = f"this {config.model_type} is an encoder: its tokens see those behind them, which they would predict"
    if what is not None:
        hint = "name a model that continues text, such as Llama or Qwen"
        raise InputError(Problem(reference="model.not-causal", what=what, where=where, hint=hint))


def _is_encoder(config: PretrainedConfig) -> bool:
    """BERT and its like are decoders where the configuration says so; the decoder of an encoder-decoder always is."""
    is_alone = not getattr(config, "is_encoder_decoder", False)
    return (is_alone and getattr(config, "is_decoder", None) is False) or getattr(config, "causal", None) is False
