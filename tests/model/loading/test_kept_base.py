"""A kept base: whatever was merged into its copies, each is the base as its files have it, and it costs no memory."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PrefixTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from bench.machine.file_pages import file_pages, give_back
from bench.model.loading.deployed import load_form
from bench.model.loading.kept_base import KeptBase
from bench.model.loading.load import WEIGHTS, PlainBase, from_files, load_base, load_subject
from bench.suite.resolved import ResolvedModel, WarmStart
from bench.suite.tables.models.precision import Precision
from tests.fakes.checkpoints import ARCHITECTURES, Architecture, store_adapter, tiny_checkpoint, tiny_model
from tests.fakes.training import resolved_model

IDS = torch.arange(2, 40)[None]
HALF = torch.bfloat16
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone tells where memory comes from")


def stored_base(folder: Path, architecture: Architecture = "llama", dtype: torch.dtype = HALF) -> ResolvedModel:
    """A base whose files have this type."""
    tiny_checkpoint(folder, architecture)
    tiny_model(architecture).to(dtype).save_pretrained(folder)
    return resolved_model(folder)


def same_weights(left: PreTrainedModel, right: PreTrainedModel) -> bool:
    """Every weight and buffer, and its type, to the last bit."""
    ours, theirs = ({**dict(model.named_parameters()), **dict(model.named_buffers())} for model in (left, right))
    assert ours.keys() == theirs.keys()
    assert left.config.to_dict() == right.config.to_dict()
    pairs = [(ours[name], theirs[name]) for name in ours]
    return all(one.dtype == other.dtype and torch.equal(one, other) for one, other in pairs)


@torch.no_grad()
def same(left: PreTrainedModel, right: PreTrainedModel) -> bool:
    """The weights, and the logits, to the last bit."""
    return same_weights(left, right) and torch.equal(left(input_ids=IDS).logits, right(input_ids=IDS).logits)


@pytest.mark.parametrize("stored", [torch.float32, HALF])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_copy_is_the_base_of_its_files(tmp_path: Path, architecture: Architecture, stored: torch.dtype) -> None:
    model, kept = stored_base(tmp_path / "base", architecture, stored), KeptBase()
    for dtype in (torch.float32, HALF):
        copy = kept(model, dtype)
        assert same(copy, from_files(model, dtype))
        with torch.no_grad():
            for parameter in copy.parameters():
                parameter.zero_()  # whatever becomes of a copy
        assert same(kept(model, dtype), from_files(model, dtype))
        assert not any(parameter.any() for parameter in copy.parameters()), "nor of the copy, whatever comes after it"
    assert kept.loads == (1 if sys.platform.startswith("linux") else 4)


def test_weights_that_transformers_keeps_in_fp32_stay_so_in_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = stored_base(tmp_path / "base", dtype=torch.float32)
    monkeypatch.setattr(PreTrainedModel, "_keep_in_fp32_modules_strict", ["norm"])
    copy = KeptBase()(model, HALF)
    assert {parameter.dtype for parameter in copy.parameters()} == {torch.float32, HALF}
    assert same_weights(copy, from_files(model, HALF))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_subjects_of_one_base_are_those_of_a_load_each(tmp_path: Path, precision: Precision) -> None:
    """An adapter after another, one that cannot be merged, one in its layers, a learned prompt, a warm start, full
    weights, the base: in any order, with one read of the base's files."""
    model, kept = stored_base(tmp_path / "base"), KeptBase()
    folder = Path(model.path)
    lora = store_adapter(folder, tmp_path / "lora", 0)
    dora = store_adapter(folder, tmp_path / "dora", 1, use_dora=True)
    biased = store_adapter(folder, tmp_path / "biased", 2, lora_bias=True)
    prompt = tmp_path / "prompt"
    learned = PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
    get_peft_model(from_files(model, torch.float32), learned).save_pretrained(prompt / WEIGHTS)
    tiny_model(seed=1).save_pretrained(tmp_path / "full" / WEIGHTS)
    begun = model.model_copy(update={"starts": (WarmStart(arm="a", path=str(lora / WEIGHTS), digest="0" * 64),)})
    asked: list[Callable[[PlainBase], PreTrainedModel]] = [
        lambda plain: load_subject(model, None, precision=precision, plain=plain),
        lambda plain: load_subject(model, lora, precision=precision, plain=plain),
        lambda plain: load_subject(model, dora, precision=precision, plain=plain),
        lambda plain: load_subject(model, tmp_path / "full", precision=precision, plain=plain),
        lambda plain: load_subject(model, biased, precision=precision, plain=plain),
        lambda plain: load_subject(model, prompt, precision=precision, plain=plain),
        lambda plain: load_form(model, lora / WEIGHTS, "adapter", precision=precision, plain=plain),
        lambda plain: load_base(begun, precision=precision, plain=plain),
        lambda plain: load_subject(begun, dora, precision=precision, plain=plain),
    ]
    for load in [*asked, *reversed(asked)]:
        assert same(load(kept), load(from_files))
    assert kept.loads == 1 or not sys.platform.startswith("linux")


def test_another_base_takes_the_place_of_the_one_that_was_kept(tmp_path: Path) -> None:
    bases, kept = (
        [stored_base(tmp_path / name, dtype=kind) for name, kind in (("a", HALF), ("b", torch.float32))],
        KeptBase(),
    )
    for model in (*bases, *bases):
        assert same(kept(model, HALF), from_files(model, HALF))
    assert kept.loads == 4


def test_a_base_of_several_types_is_read_each_time(tmp_path: Path) -> None:
    """In one type it would be rounded: a router's fp32 in a checkpoint of bf16."""
    model, kept = stored_base(tmp_path / "base"), KeptBase()
    file = tmp_path / "base" / "model.safetensors"
    tensors = load_file(file)
    name = next(name for name in tensors if "norm" in name)
    save_file({**tensors, name: tensors[name].float() + 1e-4}, file, metadata={"format": "pt"})
    assert same(kept(model, torch.float32), from_files(model, torch.float32))
    assert same(kept(model, torch.float32), from_files(model, torch.float32))
    assert kept.loads == 2


@linux
def test_pages_of_files_are_given_back_and_read_again(tmp_path: Path) -> None:
    """What a kept base takes of a process's memory while another subject is scored: nothing."""
    model = stored_base(tmp_path / "base", dtype=torch.float32)
    base = from_files(model, torch.float32)
    weights = [parameter.data for parameter in base.parameters()]
    before = [weight.clone() for weight in weights]
    pages = file_pages(weights)
    assert pages
    assert resident(pages) > 0
    give_back(pages)
    assert resident(pages) == 0
    assert all(torch.equal(weight, value) for weight, value in zip(weights, before, strict=True))
    kept = KeptBase()
    assert kept(model, torch.float32) is not kept(model, torch.float32)
    assert resident(kept.pages) == 0
    assert file_pages([torch.zeros(1 << 20)]) is None, "written pages of the process are nobody's to give back"


def resident(pages: set[tuple[int, int]]) -> int:
    """KiB of these mappings that are in memory."""
    size, counted = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, _, rest = line.partition(" ")
        if "-" in name and not name.endswith(":"):
            first, _, end = name.partition("-")
            counted = (int(first, 16), int(end, 16)) in pages
        elif name == "Rss:" and counted:
            size += int(rest.split()[0])
    return size
