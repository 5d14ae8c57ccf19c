"""Loading: a subject must be the weights that were trained, and nothing may be executed or downloaded."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from bench.errors import InputError
from bench.machine.device import pick_precision
from bench.model.loading.deployed import load_form
from bench.model.loading.load import (
    WEIGHTS,
    load_base,
    load_config,
    load_skeleton,
    load_subject,
    load_tokenizer,
)
from bench.model.loading.merging import unmerged
from bench.model.size.describe import empty_model
from bench.model.size.parameters import count_parameters
from bench.suite.resolved import WarmStart
from tests.fakes.checkpoints import ARCHITECTURES, Architecture, store_adapter, tiny_checkpoint, tiny_model
from tests.fakes.training import resolved_model

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
IDS = torch.arange(2, 40)[None]


def logits(model: torch.nn.Module) -> torch.Tensor:
    """Of a fixed input."""
    with torch.no_grad():
        return model(input_ids=IDS).logits


def save_tuned(adapted: PeftModel, job: Path) -> None:
    """Adapters far from where they begin, stored as a training's weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                torch.nn.init.normal_(parameter, std=0.2)
    adapted.eval().save_pretrained(job / WEIGHTS)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_lora_subject_is_the_trained_model_without_the_adapters_cost(
    tmp_path: Path, architecture: Architecture
) -> None:
    model = resolved_model(tiny_checkpoint(tmp_path / "base", architecture))
    base = load_base(model, precision="fp32", device=CPU)
    adapted = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear"))
    save_tuned(adapted, tmp_path / "job")
    subject = load_subject(model, tmp_path / "job", precision="fp32", device=CPU)
    assert torch.allclose(logits(subject), logits(adapted), atol=1e-4)
    untrained = load_subject(model, None, precision="fp32", device=CPU)
    assert not torch.allclose(logits(subject), logits(untrained), atol=1e-2)
    assert not [name for name, _ in subject.named_modules() if "lora" in name]


@pytest.mark.parametrize("settings", [{"layer_replication": [[0, 2], [1, 2]]}, {"lora_bias": True}])
def test_an_adapter_that_cannot_be_merged_stays_beside_its_weights(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Two replicas of a layer have one matrix, which took the updates of both; a bias has no place in Llama's layers,
    and the subject failed after its training."""
    model = resolved_model(tiny_checkpoint(tmp_path / "base", "llama"))
    base = load_base(model, precision="fp32", device=CPU)
    targets = ["q_proj", "down_proj"]
    adapted = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=targets, **settings))
    save_tuned(adapted, tmp_path / "job")
    subject = load_subject(model, tmp_path / "job", precision="fp32", device=CPU)
    assert torch.allclose(logits(subject), logits(adapted), atol=1e-4)


def test_an_adapter_that_is_not_finite_spoils_no_matrix(tmp_path: Path) -> None:
    """PEFT would add NaN to the base's weights, as if they had been trained to it."""
    folder = tiny_checkpoint(tmp_path / "base", "llama")
    weights = store_adapter(folder, tmp_path / "job", 0) / WEIGHTS / "adapter_model.safetensors"
    tensors = load_file(weights)
    tensors["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"][0, 0] = torch.nan
    save_file(tensors, weights)
    subject = load_subject(resolved_model(folder), tmp_path / "job", precision="fp32", device=CPU)
    assert all(torch.isfinite(weight).all() for name, weight in subject.named_parameters() if "lora_" not in name)
    assert (unmerged(subject) or "").startswith("PEFT says 'NaNs detected")


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`")
def test_trained_tokens_of_tied_embeddings_are_merged_with_the_matrices(tmp_path: Path) -> None:
    """Their rows are in embedding and head alike, which was taken for two adapters on one matrix."""
    model = resolved_model(tiny_checkpoint(tmp_path / "base", "llama"))
    base = load_base(model, precision="fp32", device=CPU)
    config = LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj"], trainable_token_indices=[3, 4])
    adapted = get_peft_model(base, config)
    save_tuned(adapted, tmp_path / "job")
    subject = load_subject(model, tmp_path / "job", precision="fp32", device=CPU)
    assert torch.allclose(logits(subject), logits(adapted), atol=1e-4)
    assert unmerged(subject) is None


def test_a_fully_tuned_subject_is_its_own_weights(tmp_path: Path) -> None:
    model = resolved_model(tiny_checkpoint(tmp_path / "base"))
    tuned = tiny_model(seed=1)
    tuned.save_pretrained(tmp_path / "job" / WEIGHTS)
    subject = load_subject(model, tmp_path / "job", precision="fp32", device=CPU)
    assert torch.equal(logits(subject), logits(tuned.eval()))


def test_one_precision_for_all_subjects(tmp_path: Path) -> None:
    model = resolved_model(tiny_checkpoint(tmp_path / "base"))
    adapted = get_peft_model(load_base(model, precision="fp32", device=CPU), LoraConfig(target_modules="all-linear"))
    adapted.save_pretrained(tmp_path / "job" / WEIGHTS)
    for training in (None, tmp_path / "job"):
        subject = load_subject(model, training, precision="bf16", device=CPU)
        assert {parameter.dtype for parameter in subject.parameters()} == {torch.bfloat16}
        assert not subject.training


@pytest.mark.parametrize("form", ["merged", "adapter", "start"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_update_of_zero_is_the_base_to_the_last_bit_in_half_precision(
    tmp_path: Path, architecture: Architecture, form: str
) -> None:
    """The frequencies of rotary positions were rounded with the weights of an adapter's subject, and of no other's: at
    bf16 6% of the most likely tokens of SmolLM2-135M changed by that alone."""
    model = resolved_model(tiny_checkpoint(tmp_path / "base", architecture))
    adapted = get_peft_model(load_base(model, precision="fp32", device=CPU), LoraConfig(target_modules="all-linear"))
    adapted.save_pretrained(tmp_path / "job" / WEIGHTS)
    weights = tmp_path / "job" / WEIGHTS
    base = load_base(model, precision="bf16", device=CPU)
    if form == "merged":
        subject = load_subject(model, tmp_path / "job", precision="bf16", device=CPU)
    elif form == "adapter":
        subject = load_form(model, weights, "adapter", precision="bf16")
    else:
        start = WarmStart(arm="a", path=str(weights), digest="0" * 64)
        subject = load_base(model.model_copy(update={"starts": (start,)}), precision="bf16", device=CPU)
    dtypes = {name: tensor.dtype for name, tensor in base.named_buffers()}
    assert {name: tensor.dtype for name, tensor in subject.named_buffers() if name in dtypes} == dtypes
    assert torch.equal(logits(subject), logits(base))


def test_weights_that_transformers_keeps_in_fp32_stay_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A router's bias at half precision would send tokens to other experts in an arm than in its base."""
    model = resolved_model(tiny_checkpoint(tmp_path / "base"))
    monkeypatch.setattr(PreTrainedModel, "_keep_in_fp32_modules_strict", ["norm"])
    adapted = get_peft_model(load_base(model, precision="fp32", device=CPU), LoraConfig(target_modules="all-linear"))
    adapted.save_pretrained(tmp_path / "job" / WEIGHTS)
    base, subject = (load_subject(model, job, precision="bf16", device=CPU) for job in (None, tmp_path / "job"))
    kinds = {name: parameter.dtype for name, parameter in base.named_parameters()}
    assert set(kinds.values()) == {torch.float32, torch.bfloat16}
    assert {name: parameter.dtype for name, parameter in subject.named_parameters()} == kinds


def test_pickled_weights_are_not_loaded(tmp_path: Path) -> None:
    """A pickle can run code."""
    folder = tiny_checkpoint(tmp_path / "base")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(OSError, match="safetensors"):
        load_base(resolved_model(folder), precision="fp32", device=CPU)


def test_padding_needs_no_pad_token(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(resolved_model(tiny_checkpoint(tmp_path / "base")))
    assert tokenizer.pad_token_id == tokenizer.eos_token_id == 1


@pytest.mark.parametrize("tied", [True, False])
def test_tied_weights_are_counted_once(tmp_path: Path, tied: bool) -> None:
    model = resolved_model(tiny_checkpoint(tmp_path / "base", tied=tied))
    stored = sum(tensor.numel() for tensor in load_file(Path(model.path) / "model.safetensors").values())
    assert count_parameters(load_base(model, precision="fp32", device=CPU)) == (stored, stored)
    assert count_parameters(load_skeleton(model)) == (stored, stored)


def test_a_skeleton_reads_no_weights(tmp_path: Path) -> None:
    folder = tiny_checkpoint(tmp_path / "base")
    save_file({}, folder / "model.safetensors")
    assert {parameter.device.type for parameter in load_skeleton(resolved_model(folder)).parameters()} == {"meta"}


def test_a_precision_that_the_device_lacks_is_refused_and_not_downgraded() -> None:
    assert pick_precision("auto", CPU) == "fp32"
    assert pick_precision("bf16", CPU) == "bf16"
    with pytest.raises(InputError, match="cannot compute in fp16"):
        pick_precision("fp16", CPU)


def test_auto_is_bf16_where_the_gpu_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    assert pick_precision("auto", CUDA) == "bf16"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: False)
    assert pick_precision("auto", CUDA) == "fp32"
    with pytest.raises(InputError):
        pick_precision("bf16", CUDA)


def test_a_model_that_is_no_causal_language_model_is_refused(tmp_path: Path) -> None:
    """transformers' own message is a list of all classes that it knows."""
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(InputError, match="no causal language model of model_type 'vit'"):
        load_config(resolved_model(tmp_path))
    with pytest.raises(InputError, match="no causal language model of model_type 'vit'"):
        empty_model({"model_type": "vit"})
