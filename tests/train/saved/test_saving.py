"""What is saved must be what was trained, and be of use outside: in plain transformers, with nothing of ours."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from bench.model.loading.load import load_base, load_subject
from bench.model.loading.stored_dtype import stored_dtype
from bench.record.jobs.train_job import TrainJob
from bench.suite.catalog.template import load_template
from tests.fakes.architectures import EXPERTS, SLIDING, architecture_checkpoint
from tests.fakes.checkpoints import ARCHITECTURES, tiny_checkpoint
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data, train, train_unchecked

pytestmark = pytest.mark.usefixtures("uncounted")

CPU = torch.device("cpu")
ROWS = make_rows(12)
IDS = torch.arange(2, 40)[None]
BASES = {**SLIDING, **EXPERTS}


def job_on(base: Path, *, model: dict[str, Any] | None = None, **recipe: Any) -> TrainJob:
    """A job of three steps at a rate that moves the weights."""
    data = stored_data(base.parent, ROWS)
    budget = {"unit": "steps", "amount": 3}
    return make_job(resolved_model(base, **model or {}), data, recipe=make_recipe(**recipe), budget=budget)


@pytest.mark.parametrize("name", ["mistral", "gemma3", "mixtral", "qwen2_moe", "qwen3_moe"])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_saved_weights_give_the_same_logits_in_plain_transformers(tmp_path: Path, name: str, method: str) -> None:
    base = architecture_checkpoint(tmp_path / "base", BASES[name]())
    job = job_on(base, method=method)
    result = train(job, tmp_path)
    weights = tmp_path / "weights"
    subject = load_subject(job.model, tmp_path, precision="fp32", device=CPU)
    if method == "full":
        plain: Any = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32)
    else:
        plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), weights)
    with torch.no_grad():
        logits = plain.eval()(input_ids=IDS).logits
        assert torch.allclose(subject(input_ids=IDS).logits, logits, atol=1e-4)
        assert not torch.allclose(load_base(job.model, precision="fp32", device=CPU)(input_ids=IDS).logits, logits)
    assert plain.generate(IDS, max_new_tokens=3, do_sample=False, pad_token_id=1).shape[1] > IDS.shape[1]
    assert result.weights_check.as_evaluated == pytest.approx(result.weights_check.as_trained, abs=1e-4)


@pytest.mark.parametrize("name", EXPERTS)
@pytest.mark.parametrize("flag", [False, True])
def test_the_bases_own_flags_are_saved(tmp_path: Path, name: str, flag: bool) -> None:
    """TRL switches router logits on in memory, which is no wish of the base."""
    config = EXPERTS[name]()
    config.output_router_logits, config.pad_token_id = flag, None
    base = architecture_checkpoint(tmp_path / "base", config)
    train_unchecked(job_on(base), tmp_path)
    before, after = (json.loads((folder / "config.json").read_text()) for folder in (base, tmp_path / "weights"))
    assert after == before
    assert after["output_router_logits"] is flag


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("template", ["dialogue", "chatml", "tokenizer"])
def test_tokenizer_and_template_are_saved_as_the_subject_was_trained(
    tmp_path: Path, method: str, template: str
) -> None:
    own = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}"
    own += "{% if add_generation_prompt %}<assistant>{% endif %}"
    base = tiny_checkpoint(tmp_path / "base", chat_template=own)
    job = job_on(base, method=method, model={"template": template})
    train_unchecked(job, tmp_path)
    saved, original = (AutoTokenizer.from_pretrained(folder) for folder in (tmp_path / "weights", base))
    assert saved.get_vocab() == original.get_vocab()
    assert (saved.eos_token, saved.pad_token) == (original.eos_token, original.pad_token)
    assert saved.chat_template == (own if template == "tokenizer" else load_template(template, Path()).text)
    turns = [{"role": "user", "content": "Who?"}]
    text = saved.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    starts = {"dialogue": "User: Who?", "chatml": "<|im_start|>user\nWho?", "tokenizer": "<user>Who?"}
    assert text.startswith(starts[template])


@pytest.mark.parametrize("given", [None, {"temperature": 0.3, "do_sample": False, "eos_token_id": 7}])
def test_generation_has_the_bases_settings_and_ends_where_an_answer_ends(
    tmp_path: Path, given: dict[str, Any] | None
) -> None:
    """A base that was never to stop at the end of a turn would talk on for ever."""
    base = tiny_checkpoint(tmp_path / "base")
    path = base / "generation_config.json"
    path.unlink()
    if given is not None:
        path.write_text(json.dumps(given))
    train_unchecked(job_on(base), tmp_path)
    saved = GenerationConfig.from_pretrained(tmp_path / "weights")
    stops = saved.eos_token_id if isinstance(saved.eos_token_id, list) else [saved.eos_token_id]
    assert stops == ([1] if given is None else [7, 1])
    assert saved.temperature == (None if given is None else 0.3)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_fully_tuned_model_takes_the_room_of_its_base(tmp_path: Path, architecture: Any, dtype: torch.dtype) -> None:
    """Trained in bf16: in fp32 it would take twice as much. What is evaluated is what is stored."""
    base = tiny_checkpoint(tmp_path / "base", architecture)
    AutoModelForCausalLM.from_pretrained(base, dtype=dtype).save_pretrained(base)
    assert stored_dtype(base) == dtype
    job = job_on(base, precision="bf16")
    result = train(job, tmp_path)
    sizes = [
        sum(file.stat().st_size for file in folder.glob("*.safetensors")) for folder in (base, tmp_path / "weights")
    ]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.02)
    assert result.resolved["stored_in"] == str(dtype).removeprefix("torch.")
    assert result.resolved["trained_in"] == "float32"
    assert result.weights_check.as_evaluated == pytest.approx(result.weights_check.as_trained, abs=0.02)
    with safe_open(tmp_path / "weights" / "model.safetensors", "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {dtype}  # noqa: SIM118  # no mapping


def test_a_model_that_is_trained_in_fp32_is_stored_as_it_was_trained(tmp_path: Path) -> None:
    """Three steps at a small rate are mostly below what bf16 tells apart. On a processor `auto` is fp32."""
    base = tiny_checkpoint(tmp_path / "base")
    AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).save_pretrained(base)
    for precision, dtype in (("fp32", torch.float32), ("auto", torch.float32), ("bf16", torch.bfloat16)):
        folder = tmp_path / precision
        folder.mkdir()
        result = train(job_on(base, precision=precision, learning_rate=1e-5), folder)
        assert result.resolved["stored_in"] == str(dtype).removeprefix("torch.")
        assert stored_dtype(folder / "weights") == dtype
        plain: Any = AutoModelForCausalLM.from_pretrained(folder / "weights")
        assert plain.dtype == dtype
        lost = abs(result.weights_check.as_evaluated - result.weights_check.as_trained)
        assert (lost < 1e-6) is (dtype == torch.float32)


TIED: dict[str, tuple[Any, list[str]]] = {
    "qwen2": ("qwen2", ["embed_tokens", "q_proj"]),
    "llama": ("llama", ["embed_tokens"]),
    "gpt2": ("gpt2", ["wte", "c_attn"]),
}


@pytest.mark.parametrize("name", TIED)
@pytest.mark.parametrize("method", ["lora", "rslora"])
def test_an_adapter_on_tied_embeddings_is_evaluated_as_it_was_trained(tmp_path: Path, name: str, method: str) -> None:
    """Merged into the one matrix it changed the head, too: 5.7 nats as trained, 18.8 as evaluated."""
    architecture, modules = TIED[name]
    base = tiny_checkpoint(tmp_path / "base", architecture, tied=True)
    job = job_on(base, method=method, learning_rate=0.1, lora={"r": 4, "alpha": 8, "target_modules": modules})
    result = train(job, tmp_path)
    subject = load_subject(job.model, tmp_path, precision="fp32", device=CPU)
    adapted = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), tmp_path / "weights"
    ).eval()
    with torch.no_grad():
        as_trained = adapted(input_ids=IDS).logits
        assert torch.allclose(subject(input_ids=IDS).logits, as_trained, atol=1e-4)
        merged = adapted.merge_and_unload()
        assert not torch.allclose(merged(input_ids=IDS).logits, as_trained, atol=1e-1)
    assert result.weights_check.as_evaluated == pytest.approx(result.weights_check.as_trained, abs=1e-4)


def test_a_difference_between_trained_and_evaluated_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tiny_checkpoint(tmp_path / "base", "qwen2", tied=True)
    monkeypatch.setattr("bench.model.loading.merging._untie_adapted_embeddings", lambda base: None)
    lora = {"r": 4, "alpha": 8, "target_modules": ["embed_tokens"]}
    check = train(job_on(base, method="lora", learning_rate=0.1, lora=lora), tmp_path).weights_check
    assert abs(check.as_evaluated - check.as_trained) > 0.05
