"""Every method, and every architecture: what is counted, saved and evaluated must be what was trained."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from bench.errors import InputError
from bench.evals.inference.generation.generator import generate
from bench.evals.inference.generation.request import GenerationRequest
from bench.evals.inference.scoring.scorer import Scorer
from bench.model.loading.load import load_base, load_subject, load_tokenizer
from bench.model.loading.prefix import PrefixedModel
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.result import TrainResult
from bench.train import job as training
from bench.train.job import run_training
from bench.train.planning.exact_counts import count_training
from tests.evals.loud import other_model
from tests.fakes.checkpoints import ARCHITECTURES, tiny_checkpoint, tiny_tokenizer
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data

pytestmark = pytest.mark.usefixtures("uncounted")

CPU = torch.device("cpu")
ROWS = make_rows(24)
METHODS: dict[str, dict[str, Any]] = {
    "full": {"method": "full"},
    "lora": {"method": "lora", "lora": {"r": 4}},
    "dora": {"method": "dora", "lora": {"r": 4}},
    "rslora": {"method": "rslora", "lora": {"r": 4}},
    "pissa": {"method": "pissa", "lora": {"r": 4}},
    "ia3": {"method": "ia3"},
    "prefix": {"method": "prefix", "prefix": {"virtual_tokens": 5}, "learning_rate": 0.3},
    "prompt": {"method": "prompt", "prompt": {"virtual_tokens": 5, "text": "Answer"}, "learning_rate": 0.3},
}
LEARNED_PROMPTS = ("prefix", "prompt")
LOW_RANK = {"qwen2": ("lora",), "opt": ("lora",), "gpt2": ("lora", "dora", "pissa")}
"""Kinds of LoRA elsewhere than on Llama; GPT-2 has its matrices the other way round."""
ON_EVERY = ("full", "ia3", *LEARNED_PROMPTS)
CASES = [
    *(("llama", method) for method in METHODS),
    *((name, method) for name, kinds in LOW_RANK.items() for method in (*kinds, *ON_EVERY)),
]
OTHER_METHODS: dict[str, dict[str, Any]] = {
    "LOHA": {"r": 4, "target_modules": ["q_proj", "v_proj"]},
    "OFT": {"target_modules": "all-linear"},
    "ADALORA": {"init_r": 4, "target_r": 2, "target_modules": "all-linear"},
    "LN_TUNING": {},
    "P_TUNING": {"num_virtual_tokens": 3},
    "BEFT": {"target_modules": "all-linear"},
    "SHIRA": {"r": 2, "target_modules": ["q_proj"]},  # draws its mask while it is put on
    "WAVEFT": {"n_frequency": 20, "target_modules": ["q_proj"]},  # looks for places while it runs
}
ELSEWHERE = ("falcon", "mpt")


def checkpoint(folder: Path, architecture: str) -> Path:
    """A tiny model of any architecture."""
    if architecture in ARCHITECTURES:
        return tiny_checkpoint(folder, architecture)  # type: ignore[arg-type]
    other_model(architecture).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def job_of(folder: Path, architecture: str, **recipe: Any) -> TrainJob:
    """Four steps with one method."""
    base = checkpoint(folder / "base", architecture)
    positions = 64 if architecture == "mpt" else 256
    settings = {"learning_rate": 1e-2, "batch_rows": 6, "precision": "fp32", "max_length": 48, **recipe}
    return make_job(
        resolved_model(base, context_length=positions), stored_data(folder, ROWS), recipe=make_recipe(**settings),
        budget={"unit": "steps", "amount": 4},
    )  # fmt: skip


def train(job: TrainJob, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[TrainResult, torch.nn.Module]:
    """The result, and the model as training left it."""
    kept: list[torch.nn.Module] = []
    save = training.save_weights

    def keep(trainer: Any, *args: Any, **keywords: Any) -> None:
        kept.append(trainer.model)
        save(trainer, *args, **keywords)

    monkeypatch.setattr(training, "save_weights", keep)
    result = run_training(job, folder, lambda event: None)
    return result, kept[-1].eval()


@torch.no_grad()
def check_subject(job: TrainJob, folder: Path, trained: torch.nn.Module) -> torch.nn.Module:
    """The evaluated subject's logits are the trained model's, and not the base's."""
    subject = load_subject(job.model, folder, precision="fp32", device=CPU)
    ids = torch.arange(2, 42).view(2, 20)
    expected = trained(input_ids=ids, use_cache=False).logits[:, -20:]  # after any virtual tokens
    assert torch.allclose(subject(input_ids=ids, use_cache=False).logits, expected, atol=2e-5)
    base = load_base(job.model, precision="fp32", device=CPU)
    assert not torch.allclose(base(input_ids=ids).logits, expected, atol=1e-6)
    return subject


@torch.no_grad()
def check_answers(job: TrainJob, subject: Any, trained: torch.nn.Module) -> None:
    """A learned prompt is there while scoring and generating: answers token by token from the cache, and choices that
    share a context, against PEFT's own forward pass."""
    assert isinstance(subject, PrefixedModel)
    prompts = [tuple(range(5, 17)), tuple(range(30, 37))]
    requests = [
        GenerationRequest(prompt=prompt, stop_ids=frozenset(), until=(), max_new_tokens=6) for prompt in prompts
    ]
    answers = generate(subject, load_tokenizer(job.model), requests)
    context, choices = prompts[0], [(41, 42, 43), (44,), (45, 46)]
    scores = Scorer(subject).score([(context, choice) for choice in choices])
    for prompt, answer in zip(prompts, answers, strict=True):
        ids = list(prompt)
        for _ in range(6):
            ids.append(int(trained(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
        assert list(answer.ids) == ids[len(prompt) :]
    for choice, score in zip(choices, scores, strict=True):
        logits = trained(input_ids=torch.tensor([[*context, *choice]]), use_cache=False).logits[0]
        logprobs = logits[-len(choice) - 1 : -1].log_softmax(-1)
        expected = sum(float(logprobs[place, token]) for place, token in enumerate(choice))
        assert score.logprob == pytest.approx(expected, abs=1e-4)


def test_no_architecture_is_left_out() -> None:
    assert {architecture for architecture, _ in CASES} == set(ARCHITECTURES)


@pytest.mark.parametrize(("architecture", "method"), CASES)
def test_the_subject_is_the_model_that_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str, method: str
) -> None:
    job = job_of(tmp_path, architecture, **METHODS[method])
    planned = count_training(job)
    result, trained = train(job, tmp_path / "job", monkeypatch)
    assert (result.trainable_parameters, result.parameters) == (planned.trainable_parameters, planned.parameters)
    assert result.head == "supervised positions"
    files = {path.suffix for path in (tmp_path / "job" / "weights").iterdir()}
    assert ".safetensors" in files
    assert not files & {".bin", ".pt", ".pth", ".pkl"}
    subject = check_subject(job, tmp_path / "job", trained)
    if method in LEARNED_PROMPTS:
        check_answers(job, subject, trained)


@pytest.mark.parametrize("architecture", ELSEWHERE)
@pytest.mark.parametrize("method", ["full", "lora", "ia3", "prefix", "prompt"])
def test_unusual_attention_takes_every_kind_of_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str, method: str
) -> None:
    """Fused and multi-query projections, distance biases in place of positions."""
    recipe = METHODS[method]
    if (architecture, method) == ("mpt", "ia3"):  # PEFT names no modules for it
        recipe = {**recipe, "ia3": {"target_modules": ["Wqkv", "down_proj"], "feedforward_modules": ["down_proj"]}}
    job = job_of(tmp_path, architecture, **recipe)
    _, trained = train(job, tmp_path / "job", monkeypatch)
    subject = check_subject(job, tmp_path / "job", trained)
    if method in LEARNED_PROMPTS and architecture == "falcon":
        check_answers(job, subject, trained)


@pytest.mark.parametrize("kind", OTHER_METHODS)
def test_any_other_method_of_peft_works_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    job = job_of(tmp_path, "llama", method="peft", peft={"type": kind, **OTHER_METHODS[kind]})
    planned = count_training(job)
    result, trained = train(job, tmp_path / "job", monkeypatch)
    assert result.trainable_parameters == planned.trainable_parameters > 0
    check_subject(job, tmp_path / "job", trained)


@pytest.mark.parametrize("kind", ["XLORA", "POLY", "MULTITASK_PROMPT_TUNING", "CPT", "CARTRIDGE", "SHADOW"])
def test_a_method_that_needs_more_than_rows_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    """It would run, and train something else than its name says."""
    job = job_of(tmp_path, "llama", method="peft", peft={"type": kind})
    with pytest.raises(InputError, match=f"{kind} cannot be trained from a suite: it"):
        count_training(job)


def test_virtual_tokens_take_up_positions(tmp_path: Path) -> None:
    """A row as long as the context would run over its end."""
    job = job_of(tmp_path, "gpt2", **{**METHODS["prompt"], "max_length": 252})
    with pytest.raises(InputError, match="beyond the model's 256 positions beside 5 virtual tokens"):
        count_training(job)


def test_pissa_leaves_an_adapter_for_the_unchanged_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its start moved weights out of the base; whoever loads it onto the published base must get the trained model."""
    job = job_of(tmp_path, "llama", **METHODS["pissa"])
    train(job, tmp_path / "job", monkeypatch)
    saved = load_file(tmp_path / "job/weights/adapter_model.safetensors")
    ranks = {tensor.shape[0] for name, tensor in saved.items() if "lora_A" in name}
    assert ranks == {8}, "where it ended and where it began, each of rank 4"
    assert {path.name for path in (tmp_path / "job").iterdir()} == {"weights"}
