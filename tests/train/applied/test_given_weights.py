"""Weights from elsewhere must fit whole: whatever PEFT or transformers would leave out in silence is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, PromptTuningConfig
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

from bench.model.loading.load import load_base, load_gguf, load_tuned
from bench.suite.checks.models.model_folder import given_problems
from bench.train.saved.export import save_merged
from tests.fakes.checkpoints import ARCHITECTURES, Architecture, tiny_checkpoint
from tests.fakes.gguf_file import write_gguf
from tests.fakes.given import adapter, facts, refusals
from tests.fakes.training import resolved_model, train
from tests.train.saved.test_saving import job_on

CPU = torch.device("cpu")
IDS = torch.arange(2, 40)[None]


def edited(folder: Path, edit: Callable[[str, torch.Tensor], tuple[str, torch.Tensor] | None]) -> Path:
    """The adapter with each tensor as `edit` makes it; `None`: left out."""
    tensors = load_file(folder / "adapter_model.safetensors")
    kept = [pair for name, tensor in tensors.items() if (pair := edit(name, tensor)) is not None]
    save_file({name: tensor.contiguous() for name, tensor in kept}, folder / "adapter_model.safetensors")
    return folder


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=IDS).logits


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("given") / "base")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_update_of_an_adapter_is_what_it_adds_to_the_base(tmp_path: Path, architecture: Architecture) -> None:
    base = tiny_checkpoint(tmp_path / "base", architecture)
    folder = adapter(base, tmp_path / "adapter")
    before, after = load_base(resolved_model(base), precision="fp32", device=CPU), None
    after = load_tuned(resolved_model(base), folder, precision="fp32", device=CPU)
    theirs = dict(before.named_parameters())
    squares = [float((tensor - theirs[name]).square().sum()) for name, tensor in after.named_parameters()]
    seen = facts(base, folder)
    assert seen.applied.norm == pytest.approx(sum(squares) ** 0.5, rel=1e-4)
    assert sum(group.changed for group in seen.applied.groups) == sum(square > 0 for square in squares) > 0
    assert seen.applied.expected == sum(group.changed for group in seen.applied.groups)
    assert all(2 < group.effective_rank <= 4.001 for group in seen.applied.groups if group.effective_rank is not None)
    assert seen.weights_check.as_evaluated == pytest.approx(seen.weights_check.as_trained, abs=1e-3)
    assert seen.named_base == str(base)
    assert seen.notes == ()


def test_an_adapter_that_another_trainer_saved_fits(tmp_path: Path, base: Path) -> None:
    """TRL's own checkpoint folder, as somebody has it."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.pad_token = tokenizer.eos_token
    rows = Dataset.from_list([{"text": "The farmer has three cows and two sheep."}] * 4)
    arguments = SFTConfig(
        output_dir=str(tmp_path), max_steps=2, save_steps=2, learning_rate=0.1, per_device_train_batch_size=2,
        report_to=[], use_cpu=True, bf16=False, gradient_checkpointing=False,
    )  # fmt: skip
    trainer = SFTTrainer(
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), args=arguments, train_dataset=rows,
        processing_class=tokenizer, peft_config=LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"),
    )  # fmt: skip
    trainer.train()
    seen = facts(base, tmp_path / "checkpoint-2")
    assert seen.applied.norm
    assert seen.applied.without_effect == 0
    tuned = load_tuned(resolved_model(base), tmp_path / "checkpoint-2", precision="fp32", device=CPU)
    assert torch.allclose(logits(tuned), logits(trainer.model), atol=1e-4)


def test_a_learned_prompt_fits_and_has_no_norm(tmp_path: Path, base: Path) -> None:
    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)
    seen = facts(base, adapter(base, tmp_path / "prompt", config))
    assert seen.applied.norm is None
    assert seen.applied.kl > 0
    assert not seen.applied.same_as_base


def test_what_would_be_left_out_in_silence_is_refused(tmp_path: Path, base: Path) -> None:
    def renamed(name: str, tensor: torch.Tensor) -> tuple[str, torch.Tensor]:
        return name.replace("base_model.model.", "base_model.model.x."), tensor

    def without_first_layer(name: str, tensor: torch.Tensor) -> tuple[str, torch.Tensor] | None:
        return None if "layers.0." in name else (name, tensor)

    unknown, missing = refusals(base, edited(adapter(base, tmp_path / "prefix"), renamed))
    assert "tensors have no place in" in unknown
    assert "it lacks" in missing
    (lacks,) = refusals(base, edited(adapter(base, tmp_path / "layer"), without_first_layer))
    assert lacks.startswith("it lacks 14 of 28 tensors")


def test_an_adapter_of_another_rank_or_base_is_refused(tmp_path: Path, base: Path) -> None:
    folder = adapter(base, tmp_path / "rank")
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, "r": 8}))
    assert all("have another shape" in what for what in refusals(base, folder))
    wide = tiny_checkpoint(tmp_path / "wide", width=48)
    assert all("have another shape" in what for what in refusals(base, adapter(wide, tmp_path / "other")))
    deep = tiny_checkpoint(tmp_path / "deep", layers=3)
    assert any("have no place in" in what for what in refusals(base, adapter(deep, tmp_path / "deeper")))


def test_an_update_of_zeros_is_told(tmp_path: Path, base: Path) -> None:
    def zeroed(name: str, tensor: torch.Tensor) -> tuple[str, torch.Tensor]:
        return name, tensor * 0 if "lora_B" in name else tensor

    seen = facts(base, edited(adapter(base, tmp_path / "zeros"), zeroed))
    assert seen.applied.same_as_base
    assert (seen.applied.norm, seen.applied.kl, seen.applied.changed_top) == (0.0, 0.0, 0.0)
    assert seen.applied.without_effect == seen.applied.expected == 14


def test_zeros_in_one_layer_are_seen_as_not_applied_in_part(tmp_path: Path, base: Path) -> None:
    def zeroed(name: str, tensor: torch.Tensor) -> tuple[str, torch.Tensor]:
        return name, tensor * 0 if "lora_B" in name and "layers.1.mlp" in name else tensor

    seen = facts(base, edited(adapter(base, tmp_path / "part"), zeroed)).applied
    assert not seen.same_as_base
    assert (seen.without_effect, seen.expected) == (3, 14)
    assert all("layers.1.mlp" in name for name in seen.such_as)
    changed = {group.name: group.changed for group in seen.groups}
    assert changed["feed-forward, layer 1"] == 0
    assert changed["feed-forward, layer 0"] == 3


def test_an_adapter_that_merging_changes_is_seen(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What evals load differs from what was trained: here the merge is lost."""
    monkeypatch.setattr("bench.model.loading.load.merged", lambda adapted: adapted.unload())
    check = facts(base, adapter(base, tmp_path / "lost")).weights_check
    assert check.as_evaluated == pytest.approx(check.base)
    assert abs(check.as_evaluated - check.as_trained) > 5e-3


def test_the_base_under_another_name_is_seen(tmp_path: Path, base: Path) -> None:
    shutil.copytree(base, tmp_path / "my-model")
    seen = facts(base, tmp_path / "my-model", "weights").applied
    assert seen.same_as_base


def test_without_memory_for_two_models_nothing_is_measured(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.train.applied.measure.has_room", lambda model: False)
    assert facts(base, adapter(base, tmp_path / "large")).applied is None


def test_another_named_base_whose_tensors_fit_is_told(tmp_path: Path, base: Path) -> None:
    folder = adapter(base, tmp_path / "named")
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": "owner/other-7b"}))
    (note,) = facts(base, folder).notes
    assert "owner/other-7b" in note


def test_a_whole_model_is_held_against_the_base_tensor_by_tensor(tmp_path: Path, base: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with torch.no_grad():
        next(iter(model.parameters())).add_(0.5)
    model.save_pretrained(tmp_path / "whole")
    seen = facts(base, tmp_path / "whole", "weights")
    assert seen.applied.expected - seen.applied.without_effect == 1
    assert seen.applied.norm == pytest.approx(0.5 * next(iter(model.parameters())).numel() ** 0.5, rel=1e-4)
    (rank,) = (group.effective_rank for group in seen.applied.groups if group.changed)
    assert rank == pytest.approx(1.0, rel=1e-3)
    wide = tiny_checkpoint(tmp_path / "wide", width=48)
    assert any("have another shape" in what for what in refusals(base, wide, "weights"))


def test_a_tokenizer_that_numbers_tokens_otherwise_is_refused_and_more_tokens_are_told(
    tmp_path: Path, base: Path
) -> None:
    folder = adapter(base, tmp_path / "moved")
    tokenizer = json.loads((base / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    first, second = list(vocabulary)[-2:]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (what,) = refusals(base, folder)
    assert what.startswith("its tokenizer numbers 2 tokens otherwise")
    more = adapter(base, tmp_path / "more")
    grown = AutoTokenizer.from_pretrained(base)
    grown.add_special_tokens({"pad_token": "<padding>"})
    grown.save_pretrained(more)
    (note,) = facts(base, more).notes
    assert "1 tokens that the base's has not" in note


def test_a_template_that_writes_prompts_otherwise_is_told(tmp_path: Path, base: Path) -> None:
    folder = adapter(base, tmp_path / "template")
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.chat_template = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    tokenizer.save_pretrained(folder)
    (note,) = facts(base, folder).notes
    assert note.startswith("its own chat template writes a prompt otherwise")


@pytest.mark.parametrize(
    ("configuration", "why"),
    [
        ({"chat_template": "{{ raise_exception('no') }}"}, "fails: no"),
        ({"chat_template": "{{ documents }}"}, "leaves the question or the answer out"),
        ({"tokenizer_class": "T", "auto_map": {"AutoTokenizer": ["tok.T", None]}, "chat_template": "x"}, "custom code"),
        ({"tokenizer_class": "TokenizersBackend", "chat_template": "x"}, "no pad"),
    ],
)
def test_a_tokenizer_of_its_own_that_cannot_be_used_is_a_note(
    tmp_path: Path, base: Path, configuration: dict[str, Any], why: str
) -> None:
    """Prompts are wrapped as the suite says. Such a file refused the suite, in the name of the suite's own template."""
    folder = adapter(base, tmp_path / "own")
    shutil.copy(base / "tokenizer.json", folder)
    own = json.loads((base / "tokenizer_config.json").read_text()) if "tokenizer_class" not in configuration else {}
    (folder / "tokenizer_config.json").write_text(json.dumps(own | configuration))
    (note,) = facts(base, folder).notes
    assert note.startswith("its own tokenizer or chat template cannot be used")
    assert why in note


def test_a_gguf_file_is_the_model_that_it_was_made_of(tmp_path: Path, base: Path) -> None:
    same = facts(base, write_gguf(base, tmp_path / "same.gguf"), "weights")
    assert same.applied.same_as_base
    rounded = facts(base, write_gguf(base, tmp_path / "q8.gguf", quantised=True), "weights").applied
    assert rounded.relative_norm is not None
    assert 0 < rounded.relative_norm < 0.01
    assert 0 < rounded.kl < 1e-3


def test_a_gguf_file_is_shipped_and_trained_as_any_whole_model(tmp_path: Path, base: Path) -> None:
    """transformers calls it quantised once it is dequantised: it could neither be saved nor be begun from."""
    file, out = write_gguf(base, tmp_path / "q8.gguf", quantised=True), tmp_path / "out"
    out.mkdir()
    save_merged(resolved_model(base), file, out, torch.float32)
    shipped = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    assert torch.equal(logits(shipped), logits(load_gguf(file, torch.float32)[0]))
    start = {"arm": "given/g", "digest": "0", "path": str(file)}
    begun = train(job_on(base, model={"starts": [start]}), tmp_path)
    assert begun.weights_check.as_evaluated == pytest.approx(begun.weights_check.as_trained, abs=1e-4)


def test_a_gguf_file_that_lacks_a_tensor_or_is_of_another_base_is_refused(tmp_path: Path, base: Path) -> None:
    """transformers would fill in random numbers."""
    (lacks,) = refusals(base, write_gguf(base, tmp_path / "part.gguf", without="layers.1.mlp.up_proj"), "weights")
    assert "it lacks 1 of" in lacks
    wide = tiny_checkpoint(tmp_path / "wide", width=64)
    assert any("another shape" in what for what in refusals(base, write_gguf(wide, tmp_path / "w.gguf"), "weights"))
    (tmp_path / "torn.gguf").write_bytes(b"GGUF" + bytes(40))
    assert any("transformers cannot read it" in what for what in refusals(base, tmp_path / "torn.gguf", "weights"))


@pytest.mark.parametrize("trainer", ["torchtune", "unsloth", "llama-factory", "axolotl"])
def test_a_folder_fits_as_each_trainer_leaves_it(tmp_path: Path, base: Path, trainer: str) -> None:
    """torchtune writes a few keys of the configuration; unsloth its own beside PEFT's, and names its copy of the base;
    LLaMA-Factory and axolotl leave the state of the trainer and the tokenizer beside the adapter."""
    folder = adapter(base, tmp_path / trainer, LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]))
    config = json.loads((folder / "adapter_config.json").read_text())
    if trainer == "torchtune":
        kept = ("r", "lora_alpha", "target_modules", "peft_type")
        config = {key: config[key] for key in kept} | {"base_model_name_or_path": str(base)}
    elif trainer == "unsloth":
        config |= {"base_model_name_or_path": f"unsloth/{base.name}", "unsloth_fixed": True, "task_type": "CAUSAL_LM"}
    else:
        AutoTokenizer.from_pretrained(base).save_pretrained(folder)
        (folder / "trainer_state.json").write_text('{"global_step": 8}')
        (folder / "training_args.bin").write_bytes(b"\x80\x04")
        (folder / "all_results.json").write_text("{}")
    (folder / "adapter_config.json").write_text(json.dumps(config))
    assert not given_problems(folder, "adapter", "here")
    seen = facts(base, folder)
    assert (seen.applied.without_effect, seen.applied.expected) == (0, 4)
    assert seen.notes == ()
