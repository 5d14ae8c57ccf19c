"""What is written as a form is what plain libraries load, and evals score that and nothing else."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from bench.deploy.job import run_deploy
from bench.emit import ignore_event
from bench.errors import InputError
from bench.model.loading.deployed import load_form
from bench.record.files import WEIGHTS
from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.deployed import DeployResult
from bench.suite.tables.arms.deploy import DeployedForm
from tests.fakes.checkpoints import tiny_checkpoint
from tests.fakes.fake_llama_cpp import install
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data, train

IDS = torch.arange(2, 40)[None]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[TrainJob, Path]]:
    """A LoRA, a full fine-tuning and a learned prompt, by method, with the folder of their weights."""
    root = tmp_path_factory.mktemp("trained")
    tiny_checkpoint(root / "base")
    data = stored_data(root, make_rows(12))
    jobs: dict[str, tuple[TrainJob, Path]] = {}
    for method in ("lora", "full", "prompt"):
        recipe = make_recipe(method=method, learning_rate=1e-2)
        job = make_job(resolved_model(root / "base"), data, recipe=recipe, budget={"unit": "steps", "amount": 3})
        folder = root / method
        folder.mkdir()
        train(job, folder)
        jobs[method] = job, folder / WEIGHTS
    return jobs


def deploy(trained: tuple[TrainJob, Path], form: DeployedForm, folder: Path) -> tuple[DeployJob, DeployResult]:
    job, weights = trained
    asked = DeployJob(
        subject=f"few/arm:{form}#0",
        form=form,
        model=job.model,
        trained="t",
        weights=str(weights),
        precision="fp32",
        threads=1,
        digest="d",
    )
    return asked, run_deploy(asked, folder, ignore_event)


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=IDS).logits.float()
    return found


def test_an_adapter_is_shipped_alone_and_stays_in_its_layers(tmp_path: Path, trained: Any) -> None:
    job, result = deploy(trained["lora"], "adapter", tmp_path)
    shipped = tmp_path / WEIGHTS
    assert {file.name for file in shipped.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    assert result.disk_bytes == (shipped / "adapter_model.safetensors").stat().st_size
    base = AutoModelForCausalLM.from_pretrained(job.model.path, dtype=torch.float32)
    own = load_form(job.model, shipped, "adapter", precision="fp32")
    assert torch.equal(logits(own), logits(PeftModel.from_pretrained(base, shipped).eval()))
    assert any("lora_A" in name for name, _ in own.named_parameters())
    assert not result.apart.same_weights
    assert result.apart.kl < 1e-6
    assert result.tensor_bytes > sum(p.numel() * p.element_size() for p in base.parameters())


@pytest.mark.parametrize("method", ["lora", "full"])
def test_merged_weights_are_the_trained_ones_to_the_last_bit(tmp_path: Path, trained: Any, method: str) -> None:
    job, result = deploy(trained[method], "merged", tmp_path)
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / WEIGHTS, dtype=torch.float32).eval()
    assert torch.equal(logits(load_form(job.model, tmp_path / WEIGHTS, "merged", precision="fp32")), logits(plain))
    assert result.apart.same_weights
    assert (result.apart.kl, result.apart.changed_top) == (0.0, 0.0)
    assert result.tokens_per_second > 0
    assert result.prompt_tokens_per_second > 0


def test_merged_bf16_is_half_as_large_and_computes_in_bf16(tmp_path: Path, trained: Any) -> None:
    (tmp_path / "whole").mkdir()
    _, whole = deploy(trained["lora"], "merged", tmp_path / "whole")
    (tmp_path / "half").mkdir()
    job, half = deploy(trained["lora"], "merged-bf16", tmp_path / "half")
    assert half.precision == "bf16"
    assert half.tensor_bytes < 0.51 * whole.tensor_bytes
    with safe_open(tmp_path / "half" / WEIGHTS / "model.safetensors", framework="pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.bfloat16}  # noqa: SIM118  # no mapping
    assert load_form(job.model, tmp_path / "half" / WEIGHTS, "merged-bf16", precision="fp32").dtype == torch.bfloat16
    assert not half.apart.same_weights


def test_int8_is_what_plain_transformers_load(tmp_path: Path, trained: Any) -> None:
    pytest.importorskip("torchao")
    job, result = deploy(trained["lora"], "int8", tmp_path)
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / WEIGHTS, dtype=torch.float32).eval()
    own = load_form(job.model, tmp_path / WEIGHTS, "int8", precision="fp32")
    assert torch.equal(logits(own), logits(plain))
    with safe_open(tmp_path / WEIGHTS / "model.safetensors", framework="pt") as file:
        quantised = [name for name in file.keys() if name.endswith("weight_qdata")]  # noqa: SIM118  # no mapping
        assert {file.get_tensor(name).dtype for name in quantised} == {torch.int8}
    assert len(quantised) == 7 * plain.config.num_hidden_layers
    assert 0 < result.apart.kl < 0.1


def test_a_gguf_form_is_one_file_of_the_type_that_it_names(
    tmp_path: Path, trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written from the sums in fp32, computed by llama.cpp, whose tokenizer has to read text as the model's does."""
    pytest.importorskip("gguf")
    tokenizer = AutoTokenizer.from_pretrained(trained["lora"][0].model.path)
    fake = install(monkeypatch, lambda text: list(tokenizer(text, add_special_tokens=False)["input_ids"]))
    _, result = deploy(trained["lora"], "gguf-q8_0", tmp_path)
    (file,) = (tmp_path / WEIGHTS).iterdir()
    assert fake.quantised == [fake.LLAMA_FTYPE_MOSTLY_Q8_0]
    assert (file.name, result.disk_bytes, result.tensor_bytes) == ("model.gguf", file.stat().st_size, result.disk_bytes)
    assert result.tokens_per_second > 0
    assert not result.apart.same_weights
    fake.tokenize = lambda text: [1]
    (tmp_path / "again").mkdir()
    with pytest.raises(InputError, match="texts as other tokens"):
        deploy(trained["lora"], "gguf-f16", tmp_path / "again")


def test_a_learned_prompt_is_shipped_as_an_adapter_and_cannot_be_merged(tmp_path: Path, trained: Any) -> None:
    (tmp_path / "adapter").mkdir()
    _, result = deploy(trained["prompt"], "adapter", tmp_path / "adapter")
    assert result.apart.kl < 1e-6
    (tmp_path / "merged").mkdir()
    with pytest.raises(InputError, match="cannot be merged"):
        deploy(trained["prompt"], "merged", tmp_path / "merged")
