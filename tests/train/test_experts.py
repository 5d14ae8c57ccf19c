"""Mixtures of experts: trained in full, with LoRA and packed; asked; their router loss where the base asks for it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM

from bench.errors import InputError
from bench.evals.inference.generation.generator import generate
from bench.evals.inference.generation.request import GenerationRequest
from bench.model.loading.load import load_subject, load_tokenizer
from bench.record.jobs.train_job import TrainJob
from bench.train.planning.check import check_training
from bench.train.training_data import build_training_data
from tests.fakes.architectures import EXPERTS, architecture_checkpoint
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data, train, train_unchecked

pytestmark = pytest.mark.usefixtures("uncounted")

CPU = torch.device("cpu")
ROWS = make_rows(16)
COEFFICIENT = 0.5


def base_in(folder: Path, name: str, *, asks: bool = False) -> Path:
    """A tiny mixture of experts; `asks`: for its router loss."""
    config = EXPERTS[name]()
    if asks:
        config.output_router_logits, config.router_aux_loss_coef = True, COEFFICIENT
    return architecture_checkpoint(folder / "base", config)


def job_on(base: Path, *, steps: int = 2, **recipe: Any) -> TrainJob:
    """A job of a few steps."""
    data = stored_data(base.parent, ROWS)
    budget = {"unit": "steps", "amount": steps}
    return make_job(resolved_model(base), data, recipe=make_recipe(**recipe), budget=budget)


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("name", EXPERTS)
@pytest.mark.parametrize(
    "recipe", [{"method": "full"}, {"method": "lora"}, {"method": "full", "packing": "bfd", "max_length": 64}]
)
def test_a_trained_mixture_of_experts_answers_as_its_base_does(
    tmp_path: Path, name: str, recipe: dict[str, Any], asks: bool
) -> None:
    """TRL's flag in the saved configuration broke generation with the saved weights."""
    base = base_in(tmp_path, name, asks=asks)
    job = job_on(base, **recipe)
    result = train(job, tmp_path)
    assert not result.diverged
    expected = "applied, coefficient 0.5" if asks else "not applied: output_router_logits is false"
    assert result.resolved["router_loss"].startswith(expected)
    tokenizer = load_tokenizer(job.model)
    requests = [
        GenerationRequest(
            prompt=tuple(tokenizer.encode(f"User: {question}\nAssistant:")),
            stop_ids=frozenset({1}),
            until=(),
            max_new_tokens=6,
        )
        for question in ("Who?", "Where is the baker?", "Why is that so?")
    ]
    for training in (None, tmp_path):
        subject = load_subject(job.model, training, precision="fp32", device=CPU)
        answers = generate(subject, tokenizer, requests)
        assert all(answer is not None and answer.ids for answer in answers)
        plain = subject.generate(torch.tensor([requests[0].prompt]), max_new_tokens=6, do_sample=False, pad_token_id=1)
        assert answers[0] is not None
        assert tuple(plain[0, len(requests[0].prompt) :].tolist()) == answers[0].ids


def first_batch(job: TrainJob) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, labels and token mask of the first batch, padded by hand."""
    rows = [row for sequence in build_training_data(job, budget=job.budget).schedule.batches[0] for row in sequence]
    width = max(row.tokens for row in rows)
    ids = torch.full((len(rows), width), 1)
    labels, mask = torch.full_like(ids, -100), torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : row.tokens] = torch.from_numpy(row.ids.copy())
        labels[place, : row.tokens] = torch.from_numpy(row.labels.copy())
        mask[place, : row.tokens] = 1
    return ids, labels, mask


def norm_by_hand(base: Path, job: TrainJob, *, coefficient: float) -> float:
    """Gradient norm of the first step: mean loss of the supervised tokens, and transformers' own router loss."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    ids, labels, mask = first_batch(job)
    outputs = model(input_ids=ids, attention_mask=mask, output_router_logits=True, use_cache=False)
    loss = functional.cross_entropy(outputs.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
    (loss + coefficient * outputs.aux_loss).backward()
    return float(torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None]))


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("name", ["mixtral", "qwen2_moe"])
@pytest.mark.parametrize("recipe", [{}, {"packing": "bfd", "max_length": 64, "batch_rows": 2}])
def test_the_router_loss_is_minimised_where_the_base_asks_for_it(
    tmp_path: Path, name: str, recipe: dict[str, Any], asks: bool
) -> None:
    """Padding does not count in it, and reported losses leave it out."""
    base = base_in(tmp_path, name, asks=asks)
    job = job_on(base, steps=1, max_grad_norm=0.0, **recipe)
    (step,) = train_unchecked(job, tmp_path / "out").steps
    assert step.gradient_norm == pytest.approx(
        norm_by_hand(base, job, coefficient=COEFFICIENT if asks else 0.0), rel=1e-4
    )
    if asks:
        assert abs(norm_by_hand(base, job, coefficient=0.0) - (step.gradient_norm or 0)) > 1e-3


def test_accumulation_takes_the_mean_of_the_router_losses(tmp_path: Path) -> None:
    """As TRL has it: the sum would weigh the router loss by the number of forward passes."""
    base = base_in(tmp_path, "mixtral", asks=True)
    norms = []
    for copies in (1, 3):
        rows = ROWS[:1] * copies
        data = stored_data(tmp_path, rows, name=f"rows{copies}")
        recipe = make_recipe(batch_rows=1, accumulation=copies, max_grad_norm=0.0)
        job = make_job(resolved_model(base), data, recipe=recipe, budget={"unit": "steps", "amount": 1})
        (step,) = train_unchecked(job, tmp_path / f"out{copies}").steps
        norms.append(step.gradient_norm)
    assert norms[1] == pytest.approx(norms[0], rel=1e-5)


@pytest.mark.parametrize("recipe", [
    {"method": "pissa"},
    {"method": "peft", "peft": {"type": "LORA", "target_modules": "all-linear", "init_lora_weights": "olora"}},
])  # fmt: skip
def test_a_start_that_needs_a_layers_weights_is_refused_for_experts(tmp_path: Path, recipe: dict[str, Any]) -> None:
    """The plan passed, and the arm failed: MixtralExperts has no attribute 'weight'."""
    base = architecture_checkpoint(tmp_path / "base", EXPERTS["mixtral"]())
    job = make_job(
        resolved_model(base), stored_data(tmp_path, make_rows(4)), recipe=make_recipe(**recipe),
        budget={"unit": "steps", "amount": 1},
    )  # fmt: skip
    with pytest.raises(InputError, match="on this model's experts, whose weights are no layers"):
        check_training(job)
    check_training(job.model_copy(update={"recipe": make_recipe(method="lora")}))
