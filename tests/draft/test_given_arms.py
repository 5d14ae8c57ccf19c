"""Adapters and nothing else: the base is the one that they name, and the draft says where its questions come from."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from bench.draft.given_arms import draft_given
from bench.errors import InputError


def adapter(folder: Path, base: str | None) -> str:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": base}), encoding="utf-8"
    )
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    save_file({name: np.ones((2, 4), dtype=np.float32)}, folder / "adapter_model.safetensors")
    return str(folder)


def drafted(tmp_path: Path, *adapters: str) -> str:
    out = tmp_path / "two.toml"
    return draft_given(adapters, [], model=None, data=[], out=out, home=tmp_path).read_text()


def test_the_base_is_the_first_that_is_found_and_a_card_where_there_is_one(tmp_path: Path) -> None:
    """The card's base can be had without the hub, and knows its end of turn; another machine's folder cannot be had."""
    moved = adapter(tmp_path / "moved", "/mnt/models/SmolLM2-135M-Instruct")
    named = adapter(tmp_path / "named", "HuggingFaceTB/SmolLM2-135M-Instruct")
    assert '[model]\ncard = "smollm2-135m-instruct"' in drafted(tmp_path, moved, named)


def test_a_base_of_another_machine_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        drafted(tmp_path, adapter(tmp_path / "moved", "/mnt/models/SmolLM2"), adapter(tmp_path / "none", None))
    (problem,) = caught.value.problems
    assert problem.what.endswith("moved was trained on /mnt/models/SmolLM2, which is not on this machine")
    assert "--model" in (problem.hint or "")


def test_questions_of_the_hub_are_named_as_such(tmp_path: Path) -> None:
    """Without a network the run could not read them: said before it is begun."""
    text = drafted(tmp_path, adapter(tmp_path / "named", "owner/base"))
    assert text.count("its rows come from the hub") == text.count("[[eval]]") == 2
