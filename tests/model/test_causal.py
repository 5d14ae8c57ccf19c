"""Only models whose tokens see nothing behind them are trained and asked: any other has read what it is to predict."""

from typing import Any

import pytest
from transformers import AutoConfig

from bench.errors import InputError
from bench.model.causal import refuse_other_kinds


@pytest.mark.parametrize("model_type", ["bert", "camembert", "big_bird", "xlnet", "cpmant", "xlm"])
def test_an_encoder_is_refused_though_transformers_makes_a_causal_model_of_it(model_type: str) -> None:
    """Saved without its head, or with a causal one, nothing in its folder calls a BERT an encoder."""
    with pytest.raises(InputError, match="its tokens see those behind them"):
        refuse_other_kinds(AutoConfig.for_model(model_type), "config.json")


@pytest.mark.parametrize(
    ("model_type", "fields"),
    [("bert", {"is_decoder": True}), ("xlm", {"causal": True}), ("llama", {}), ("gpt2", {}), ("opt", {}), ("bart", {})],
)
def test_a_decoder_is_none(model_type: str, fields: dict[str, Any]) -> None:
    refuse_other_kinds(AutoConfig.for_model(model_type, **fields), "config.json")
