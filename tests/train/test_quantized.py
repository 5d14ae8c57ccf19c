"""What can be held of `qlora` without a GPU: the adapter's precision, and that it is merged into the base it had."""

from pathlib import Path
from typing import Any

import pytest
import torch

from bench.model.loading import load
from bench.model.loading.load import QUANTIZATION, QuantizedBase, load_subject
from bench.record.files import WEIGHTS
from bench.suite.tables.training.adapter import QuantizationSpec
from bench.train import job as job_module
from bench.train import prepare
from bench.train.job import run_training
from bench.train.loop.kept_step.weights import upcast_trainable_bf16
from bench.train.saved.saving import save_weights
from tests.fakes.training import make_recipe
from tests.train.test_methods import CPU, METHODS, job_of


def test_an_adapter_that_trl_rounded_is_whole_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bf16 a small update to a weight near one is no update."""
    original = prepare.load_base

    def marked(*args: Any, **keywords: Any) -> Any:
        model = original(*args, **keywords)
        model.is_loaded_in_8bit = True  # what TRL goes by
        return model

    monkeypatch.setattr(prepare, "load_base", marked)
    result = run_training(job_of(tmp_path, "llama", **METHODS["lora"]), tmp_path / "job", lambda event: None)
    assert result.resolved["trained_in"] == "float32"


def test_only_what_is_trained_is_made_whole() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)).to(torch.bfloat16)
    model[0].requires_grad_(False)
    upcast_trainable_bf16(model)
    assert [layer.weight.dtype for layer in model] == [torch.bfloat16, torch.float32]  # type: ignore[union-attr]


def test_the_base_is_rounded_and_quantised_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four bits of weights that were rounded to bf16 first are not four bits of the weights."""
    job = job_of(tmp_path, "llama", **METHODS["lora"])
    trainer: list[Any] = []

    def save(given: Any, *args: Any, **keywords: Any) -> None:
        trainer.append(given)
        save_weights(given, *args, **keywords)

    monkeypatch.setattr(job_module, "save_weights", save)
    run_training(job, tmp_path / "job", lambda event: None)
    recipe = make_recipe(method="qlora", quantization={"bits": 4, "double": False})
    save_weights(
        trainer[0], job.model_copy(update={"recipe": recipe}), tmp_path / "job" / WEIGHTS, start=None, precision="bf16"
    )
    stored = QuantizedBase.model_validate_json((tmp_path / "job" / WEIGHTS / QUANTIZATION).read_bytes())
    assert stored == QuantizedBase(quantization=QuantizationSpec(double=False), precision="bf16")
    asked: list[dict[str, Any]] = []
    original = load.load_base

    def base(model: Any, **keywords: Any) -> Any:
        asked.append(keywords)
        found: Any = original(model, precision=keywords["precision"], device=CPU)
        found.dequantize = lambda: found
        return found

    monkeypatch.setattr(load, "load_base", base)
    subject = load_subject(job.model, tmp_path / "job", precision="fp32", device=CPU)
    assert [(one["precision"], one["quantization"]) for one in asked] == [("bf16", stored.quantization)]
    assert {parameter.dtype for parameter in subject.parameters()} == {torch.float32}
