"""What is gathered of a sharded model: all that is saved, and tied weights once."""

import peft
import pytest
import torch
from peft import LoraConfig, VeraConfig, get_peft_model

from bench.train.loop.checkpoints.sharded import gather_state
from tests.fakes.checkpoints import tiny_model


def test_tied_weights_are_gathered_once() -> None:
    """As two they would be stored twice, and a reader could tune one alone."""
    model = tiny_model("llama")
    model.config.tie_word_embeddings = True
    model.tie_weights()
    state = gather_state(model, adapter_only=False, keep=True)
    assert state.keys() == model.state_dict().keys()
    assert state["lm_head.weight"] is state["model.embed_tokens.weight"]


def test_a_rank_that_does_not_write_keeps_nothing() -> None:
    assert gather_state(tiny_model("llama"), adapter_only=False, keep=False) == {}


@pytest.mark.parametrize("config", [LoraConfig(r=2), VeraConfig(r=2, target_modules=["q_proj"])])
def test_an_adapter_comes_whole_and_without_its_base(config: peft.PeftConfig) -> None:
    """VeRA stores projections that are never trained."""
    model = get_peft_model(tiny_model("llama"), config)
    wanted = peft.get_peft_model_state_dict(model)
    gathered = gather_state(model, adapter_only=True, keep=True)
    found = peft.get_peft_model_state_dict(model, state_dict=gathered)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert not any("embed_tokens" in name for name in gathered)
