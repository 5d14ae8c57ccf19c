"""Folders as other trainers leave them: what lies beside the weights, and what the weights say about themselves."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from bench.suite.checks.models.model_folder import given_problems, stored_parameters
from tests.fakes.checkpoints import tiny_checkpoint
from tests.fakes.given import adapter, facts, refusals


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("given") / "base", tied=True)


def whole(base: Path, folder: Path, *, changed: str = "q_proj", **options: Any) -> Path:
    """The base with every matrix of one kind changed, as transformers saves it."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if changed in name:
                parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    model.save_pretrained(folder, **options)
    return folder


def reconfigured(folder: Path, **keys: object) -> Path:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | keys))
    return folder


def test_an_adapter_beside_the_whole_model_is_the_adapter(tmp_path: Path, base: Path) -> None:
    """torchtune's `epoch_0` has both: the shards of the merged model and PEFT's two files."""
    folder = adapter(base, whole(base, tmp_path / "epoch_0", max_shard_size="40KB"))
    assert len(list(folder.glob("*.safetensors"))) > 2
    assert not given_problems(folder, "adapter", "here")
    seen = facts(base, folder).applied
    assert (seen.expected, seen.without_effect) == (14, 0)


@pytest.mark.parametrize("module", ["embed_tokens", "lm_head"])
def test_an_adapter_on_one_end_of_the_model_is_evaluated_as_it_was_trained(
    tmp_path: Path, base: Path, module: str
) -> None:
    """Both ends are one matrix in this base, and PEFT saves the embeddings whole beside an adapter on them."""
    seen = facts(base, adapter(base, tmp_path / module, LoraConfig(r=4, target_modules=["q_proj", module])))
    assert seen.weights_check.base is not None
    assert seen.weights_check.as_evaluated == pytest.approx(seen.weights_check.as_trained, abs=1e-5)
    assert abs(seen.weights_check.as_trained - seen.weights_check.base) > 1e-3
    assert (seen.applied.expected, seen.applied.without_effect) == (3, 0)


def test_embeddings_that_were_saved_as_they_were_are_no_update_without_effect(tmp_path: Path, base: Path) -> None:
    """PEFT saves them where the vocabulary may have been resized."""
    adapted = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base), LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights=False)
    )
    adapted.save_pretrained(tmp_path / "beside", save_embedding_layers=True)
    seen = facts(base, tmp_path / "beside").applied
    assert (seen.expected, seen.without_effect) == (2, 0)


def test_merged_weights_were_to_change_the_kinds_of_matrix_that_did(tmp_path: Path, base: Path) -> None:
    """The embeddings of a merged adapter are the base's; a layer that lost its update is seen."""
    seen = facts(base, whole(base, tmp_path / "merged"), "weights").applied
    assert (seen.expected, seen.without_effect) == (2, 0)
    lost = facts(base, whole(base, tmp_path / "lost", changed="layers.1.self_attn.q_proj"), "weights").applied
    assert (lost.expected, lost.without_effect) == (2, 1)
    assert lost.such_as == ("model.layers.0.self_attn.q_proj.weight",)


def test_a_configuration_that_computes_otherwise_is_told(tmp_path: Path, base: Path) -> None:
    folder = reconfigured(whole(base, tmp_path / "rope"), rope_parameters={"rope_type": "default", "rope_theta": 500.0})
    assert facts(base, folder, "weights").notes == (
        "its config.json differs from the base's, and it is evaluated by its own: "
        "rope_parameters.rope_theta 500.0 for 10000.0",
    )
    same = reconfigured(whole(base, tmp_path / "same"), use_cache=False, transformers_version="4.40.0")
    assert facts(base, same, "weights").notes == ()


def test_a_configuration_that_leaves_a_layer_out_is_refused(tmp_path: Path, base: Path) -> None:
    """All tensors are in the file, and transformers would load the first layer alone."""
    (what,) = refusals(base, reconfigured(whole(base, tmp_path / "short"), num_hidden_layers=1), "weights")
    assert what.startswith("its config.json describes 11 tensors, not the 20 of base")


def test_other_weights_beside_a_model_are_not_the_model(tmp_path: Path, base: Path) -> None:
    """Mistral's repositories have `consolidated.safetensors` beside the shards."""
    folder = whole(base, tmp_path / "mistral")
    alone = stored_parameters(folder)
    save_file({"layers.0.attention.wq.weight": torch.ones(4, 4)}, folder / "consolidated.safetensors")
    assert stored_parameters(folder) == alone
    assert not given_problems(folder, "weights", "here")
    assert facts(base, folder, "weights").tensors == 20


def test_weights_of_an_earlier_training_beside_shards_are_refused(tmp_path: Path, base: Path) -> None:
    """transformers would load the single file, whichever is newer."""
    folder = whole(base, tmp_path / "twice", max_shard_size="40KB")
    (folder / "model.safetensors").write_bytes((base / "model.safetensors").read_bytes())
    (problem,) = given_problems(folder, "weights", "here")
    assert problem.reference == "given.weights-twice"


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path, base: Path) -> None:
    folder = whole(base, tmp_path / "diverged")
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][0] = float("nan")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (what,) = refusals(base, folder, "weights")
    assert what.startswith("it holds numbers that are not finite, such as in model.norm.weight")


def test_a_start_that_cannot_be_found_again_is_refused(tmp_path: Path, base: Path) -> None:
    """PEFT would take other components from the base each time: the loss as trained was 10.77, as evaluated 10.80."""
    config = LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights="pissa_niter_4")
    (what,) = refusals(base, adapter(base, tmp_path / "pissa", config))
    assert what.startswith("it began from pissa_niter_4")
