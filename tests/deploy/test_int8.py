"""Eight bits are made from the sums in fp32, and computed beside in the evals' precision."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from bench.deploy import int8
from bench.record.jobs.deploy_job import DeployJob
from tests.evals.jobs import resolved_model


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_quantised_from_fp32_sums_and_loaded_in_the_precision_of_the_evals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: Any, dtype: torch.dtype
) -> None:
    """An adapter rounded to the evals' precision first would be rounded twice."""
    merged, loaded = list[tuple[Any, ...]](), list[tuple[str, dict[str, Any]]]()

    class Quantised:
        @classmethod
        def from_pretrained(cls, folder: str, **options: Any) -> "Quantised":
            assert Path(folder).is_dir()
            loaded.append((folder, options))
            return cls()

        def save_pretrained(self, out: Path) -> None:
            (out / "model.safetensors").touch()

    torchao = ModuleType("torchao.quantization")
    monkeypatch.setattr(torchao, "Int8WeightOnlyConfig", lambda: "weights alone", raising=False)
    monkeypatch.setitem(sys.modules, "torchao.quantization", torchao)
    monkeypatch.setattr(int8, "TorchAoConfig", lambda quant_type: quant_type)
    monkeypatch.setattr(int8, "AutoModelForCausalLM", Quantised)
    monkeypatch.setattr(int8, "pick_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(int8, "save_merged", lambda *told: merged.append(told))
    monkeypatch.setattr(int8, "save_companions", lambda model, out: (out / "tokenizer.json").touch())
    out, base = tmp_path / "out", resolved_model(tmp_path / "base")
    out.mkdir()
    int8.save_int8(DeployJob.model_construct(model=base, weights="trained", precision=precision), out)
    ((folder, options),) = loaded
    assert merged == [(base, Path("trained"), Path(folder), torch.float32)]
    assert (options["dtype"], options["quantization_config"]) == (dtype, "weights alone")
    assert (options["local_files_only"], options["use_safetensors"]) == (True, True)
    assert {file.name for file in out.iterdir()} == {"model.safetensors", "tokenizer.json"}
    assert [file.name for file in tmp_path.iterdir()] == ["out"], "the whole model in fp32 is not left behind"
