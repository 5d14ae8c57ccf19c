"""Which files a form is made of, and the type that its weights are written in."""

from pathlib import Path
from typing import Any

import pytest
import torch

from bench.deploy import write
from bench.deploy.write import write_form
from bench.model.loading import stored_dtype
from bench.record.jobs.deploy_job import DeployJob
from tests.evals.jobs import resolved_model


def job(root: Path, form: Any) -> DeployJob:
    """A form of the training in `root/weights`; `out` is there."""
    for name in ("weights", "out"):
        (root / name).mkdir()
    return DeployJob.model_construct(form=form, model=resolved_model(root / "base"), weights=str(root / "weights"))


@pytest.mark.parametrize("quantised", [False, True])
def test_an_adapter_brings_how_its_base_was_quantised_and_no_trainer_files(tmp_path: Path, quantised: bool) -> None:
    asked = job(tmp_path, "adapter")
    shipped = {"adapter_config.json", "adapter_model.safetensors", *(["quantization.json"] if quantised else [])}
    for name in (*shipped, "training_args.bin", "tokenizer.json"):
        (tmp_path / "weights" / name).write_text(f"this is {name}")
    write_form(asked, tmp_path / "out")
    written = {file.name: file.read_text() for file in (tmp_path / "out").iterdir()}
    assert written == {name: f"this is {name}" for name in shipped}


@pytest.mark.parametrize(
    ("form", "precision", "dtype"),
    [
        ("merged", "fp32", torch.float32),
        ("merged", "auto", torch.float32),
        ("merged", "bf16", torch.float16),
        ("merged-bf16", "fp32", torch.bfloat16),
    ],
)
def test_merged_weights_are_of_the_base_files_type_but_in_fp32_where_evals_compute_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, precision: Any, dtype: torch.dtype
) -> None:
    """On a processor `auto` is fp32."""
    merged: list[tuple[Any, ...]] = []
    monkeypatch.setattr(write, "save_merged", lambda *told: merged.append(told))
    monkeypatch.setattr(stored_dtype, "stored_dtype", {tmp_path / "base": torch.float16}.get)
    monkeypatch.setattr(write, "pick_device", lambda: torch.device("cpu"))
    asked = job(tmp_path, form).model_copy(update={"precision": precision})
    write_form(asked, tmp_path / "out")
    assert merged == [(asked.model, tmp_path / "weights", tmp_path / "out", dtype)]


def test_a_form_that_nothing_writes_is_no_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(NotImplementedError, match="gguf"):
        write_form(job(tmp_path, "gguf"), tmp_path / "out")
