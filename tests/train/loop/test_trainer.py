"""The trainer against arithmetic by hand: what a step's loss, gradient and counts must be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.optim.optimizer import register_optimizer_step_post_hook
from transformers import TrainerCallback

from bench.model.loading.load import load_base
from bench.record.results.training.ledger import Step
from bench.train.accounting.meter import Meter
from bench.train.batches.collate import collate, model_inputs
from bench.train.loop.steps import DivergedError
from tests.fakes.checkpoints import ARCHITECTURES, Architecture, tiny_checkpoint
from tests.fakes.training import make_recipe, make_rows, make_trainer, resolved_model

ROWS = make_rows(40)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama."""
    return tiny_checkpoint(tmp_path_factory.mktemp("llama"))


def run(checkpoint: Path, folder: Path, budget: dict[str, Any], **recipe: Any) -> tuple[tuple[Step, ...], Any, Any]:
    """Steps, schedule and trainer of a finished training."""
    meter = Meter()
    trainer, schedule = make_trainer(
        checkpoint, folder, rows=ROWS, recipe=make_recipe(**recipe), budget=budget, meter=meter
    )
    trainer.train()
    return meter.steps, schedule, trainer


def weights(trainer: Any) -> torch.Tensor:
    """All parameters in one vector."""
    return torch.cat([parameter.detach().flatten() for parameter in trainer.model.parameters()])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("method", ["full", "lora"])
def test_every_architecture_learns_with_every_method(tmp_path: Path, architecture: Architecture, method: str) -> None:
    folder = tiny_checkpoint(tmp_path / "model", architecture)
    steps, _, trainer = run(folder, tmp_path / "out", {"unit": "steps", "amount": 12}, method=method)
    losses = [step.loss for step in steps]
    assert all(loss is not None for loss in losses)
    assert losses[-1] < losses[0] - 0.02
    assert trainer.head == "supervised positions"


@pytest.mark.parametrize("recipe", [{}, {"accumulation": 3}, {"packing": "bfd"}, {"group_by_length": True}])
@pytest.mark.parametrize("unit", ["tokens", "epochs"])
def test_what_is_counted_while_training_is_what_was_planned(
    checkpoint: Path, tmp_path: Path, recipe: dict[str, Any], unit: str
) -> None:
    """A last short batch and a last step of fewer forward passes included."""
    amount = 1_500 if unit == "tokens" else 0.95
    steps, schedule, _ = run(checkpoint, tmp_path, {"unit": unit, "amount": amount}, **recipe)
    assert len(steps) == schedule.steps
    assert sum(step.rows for step in steps) == schedule.rows
    assert sum(step.tokens for step in steps) == schedule.tokens
    assert sum(step.supervised_tokens for step in steps) == schedule.supervised_tokens
    assert sum(step.slots for step in steps) == schedule.slots


def test_the_first_loss_and_gradient_norm_are_those_of_plain_torch(checkpoint: Path, tmp_path: Path) -> None:
    steps, schedule, _ = run(checkpoint, tmp_path, {"unit": "steps", "amount": 1})
    model = load_base(resolved_model(checkpoint), precision="fp32", device=CPU)
    batch = collate(schedule.batches[0], 1)
    logits = model(input_ids=batch["input_ids"]).logits[:, :-1]
    loss = functional.cross_entropy(logits.flatten(0, 1), batch["labels"][:, 1:].flatten())
    loss.backward()
    norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
    assert steps[0].loss == pytest.approx(loss.item(), rel=1e-6)
    assert steps[0].gradient_norm == pytest.approx(norm.item(), rel=1e-5)


class Gradients(TrainerCallback):
    """Keeps the first step's gradients."""

    def __init__(self) -> None:
        self.first: torch.Tensor | None = None

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, *, model: Any, **kwargs: Any) -> None:
        if self.first is None:
            self.first = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_accumulation_gives_the_step_of_the_large_batch(checkpoint: Path, tmp_path: Path) -> None:
    """Rows of unequal length: a mean of means would differ."""
    seen = []
    for batch_rows, accumulation in ((2, 4), (8, 1)):
        recipe, meter, gradients = make_recipe(batch_rows=batch_rows, accumulation=accumulation), Meter(), Gradients()
        budget = {"unit": "steps", "amount": 1}
        trainer, schedule = make_trainer(checkpoint, tmp_path, rows=ROWS, recipe=recipe, budget=budget, meter=meter)
        trainer.add_callback(gradients)
        trainer.train()
        seen.append((meter.steps[0], gradients.first, schedule))
    (small, by_four, schedule), (large, at_once, _) = seen
    assert len({sum(row.supervised_tokens for (row,) in batch) for batch in schedule.batches}) > 1
    assert small.loss == pytest.approx(large.loss, rel=1e-6)
    assert small.gradient_norm == pytest.approx(large.gradient_norm, rel=1e-5)
    assert torch.allclose(by_four, at_once, atol=1e-6)


def test_an_average_over_batches_weighs_each_batch_alike(checkpoint: Path, tmp_path: Path) -> None:
    """Whatever its supervised tokens: as a plain loop has it that divides by the number of its batches."""
    budget = {"unit": "steps", "amount": 1}
    steps, schedule, _ = run(checkpoint, tmp_path, budget, batch_rows=2, accumulation=3, loss_average="batches")
    model = load_base(resolved_model(checkpoint), precision="fp32", device=CPU)
    means = []
    for batch in schedule.batches:
        tensors = collate(batch, 1)
        logits = model(input_ids=tensors["input_ids"]).logits[:, :-1]
        means.append(functional.cross_entropy(logits.flatten(0, 1), tensors["labels"][:, 1:].flatten()).item())
    assert len({sum(row.supervised_tokens for (row,) in batch) for batch in schedule.batches}) > 1
    assert steps[0].loss == pytest.approx(sum(means) / 3, rel=1e-6)


@pytest.mark.parametrize("decays", ["matrices", "all"])
def test_weight_decay_reaches_what_the_recipe_says(checkpoint: Path, tmp_path: Path, decays: str) -> None:
    """Hand-written loops hand all parameters to the optimiser: norms decay, too."""
    before = load_base(resolved_model(checkpoint), precision="fp32", device=CPU)
    step = {"unit": "steps", "amount": 1}
    *_, trainer = run(checkpoint, tmp_path, step, weight_decay=0.5, weight_decay_on=decays)
    decayed = sum(len(group["params"]) for group in trainer.optimizer.param_groups if group["weight_decay"] == 0.5)
    norms = sum("norm" in name for name, _ in before.named_parameters())
    assert norms > 0
    assert decayed == len(list(before.parameters())) - (norms if decays == "matrices" else 0)


def test_packing_gives_the_loss_of_the_same_rows_unpacked(checkpoint: Path, tmp_path: Path) -> None:
    packed, schedule, _ = run(checkpoint, tmp_path, {"unit": "epochs", "amount": 0.5}, packing="bfd", batch_rows=50)
    assert len(packed) == 1
    model = load_base(resolved_model(checkpoint), precision="fp32", device=CPU)
    batch = collate([(example,) for example in schedule.examples()], 1)
    logits = model(input_ids=batch["input_ids"]).logits[:, :-1]
    loss = functional.cross_entropy(logits.flatten(0, 1), batch["labels"][:, 1:].flatten())
    assert packed[0].loss == pytest.approx(loss.item(), abs=1e-5)


def test_the_same_training_twice_is_the_same_to_the_last_digit(checkpoint: Path, tmp_path: Path) -> None:
    budget = {"unit": "steps", "amount": 5}
    lora = {"method": "lora", "lora": {"r": 4, "dropout": 0.1}}
    first, _, one = run(checkpoint, tmp_path / "a", budget, **lora)
    second, _, two = run(checkpoint, tmp_path / "b", budget, **lora)
    assert [step.loss for step in first] == [step.loss for step in second]
    assert [step.gradient_norm for step in first] == [step.gradient_norm for step in second]
    assert torch.equal(weights(one), weights(two))


def test_the_rates_recorded_are_the_rates_used(checkpoint: Path, tmp_path: Path) -> None:
    steps, _, _ = run(
        checkpoint, tmp_path, {"unit": "steps", "amount": 5}, schedule="linear", min_learning_rate=2e-3, warmup=1.0
    )
    assert [step.learning_rate for step in steps] == pytest.approx([0.0, 1e-2, 8e-3, 6e-3, 4e-3])


def test_the_gradient_norm_is_the_one_before_clipping(checkpoint: Path, tmp_path: Path) -> None:
    free, _, _ = run(checkpoint, tmp_path / "a", {"unit": "steps", "amount": 1}, max_grad_norm=1e9)
    clipped, _, _ = run(checkpoint, tmp_path / "b", {"unit": "steps", "amount": 1}, max_grad_norm=1e-3)
    assert clipped[0].gradient_norm == free[0].gradient_norm > 1e-3


def test_a_loss_that_is_not_finite_ends_the_training_before_the_weights_move(checkpoint: Path, tmp_path: Path) -> None:
    """Otherwise the arm trains on for hours and reports NaN."""
    meter = Meter()
    trainer, _ = make_trainer(
        checkpoint, tmp_path, rows=ROWS, recipe=make_recipe(learning_rate=1e18, max_grad_norm=1e18),
        budget={"unit": "steps", "amount": 20}, meter=meter,
    )  # fmt: skip
    with pytest.raises(DivergedError):
        trainer.train()
    assert 1 < len(meter.steps) < 20
    assert meter.steps[-1].loss is None
    assert meter.steps[-2].loss is not None


def test_gradient_checkpointing_gives_the_same_losses(checkpoint: Path, tmp_path: Path) -> None:
    budget = {"unit": "steps", "amount": 3}
    plain, _, _ = run(checkpoint, tmp_path / "a", budget)
    again, _, _ = run(checkpoint, tmp_path / "b", budget, gradient_checkpointing=True)
    assert [step.loss for step in again] == pytest.approx([step.loss for step in plain], abs=1e-6)


@pytest.mark.parametrize("loss", ["nll", "dft"])
@pytest.mark.parametrize("head", ["fused", "all positions"])
@pytest.mark.parametrize("packing", ["none", "bfd"])
def test_every_way_to_apply_the_head_gives_the_same_training(
    checkpoint: Path, tmp_path: Path, head: Any, packing: str, loss: str
) -> None:
    """On a GPU TRL's own kernel is used: the losses must not depend on the machine's kind."""
    seen = []
    for kind in ("supervised positions", head):
        meter = Meter()
        trainer, _ = make_trainer(
            checkpoint, tmp_path, rows=ROWS, recipe=make_recipe(packing=packing, loss=loss),
            budget={"unit": "steps", "amount": 2}, meter=meter,
        )  # fmt: skip
        assert trainer.head == "supervised positions"
        trainer.head = kind
        trainer.train()
        seen.append([(step.loss, step.gradient_norm) for step in meter.steps])
    for left, right in zip(*seen, strict=True):
        assert left == pytest.approx(right, rel=1e-5)


def gradients(trainer: Any) -> torch.Tensor:
    """All gradients in one vector."""
    return torch.cat(
        [parameter.grad.flatten() for parameter in trainer.model.parameters() if parameter.grad is not None]
    )


def test_dynamic_fine_tuning_weighs_each_token_by_its_probability(checkpoint: Path, tmp_path: Path) -> None:
    """Wu et al. 2025, equation 9: the token's loss times its own probability, through which no gradient goes."""
    trainer, schedule = make_trainer(
        checkpoint, tmp_path, rows=ROWS, recipe=make_recipe(loss="dft"), budget={"unit": "steps", "amount": 1},
        meter=Meter(),
    )  # fmt: skip
    batch = collate(schedule.batches[0], 1)
    trainer.head = "supervised positions"
    trainer.model.train()
    count = int((batch["labels"] != -100).sum())
    trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=count).backward()
    ours = gradients(trainer)
    trainer.model.zero_grad()
    logits = trainer.model(**model_inputs(batch)).logits[:, :-1]
    labels = batch["labels"][:, 1:]
    losses = functional.cross_entropy(logits[labels != -100], labels[labels != -100], reduction="none")
    (losses * losses.neg().exp().detach()).mean().backward()
    assert torch.allclose(ours, gradients(trainer), atol=1e-6)


def test_noise_is_as_large_as_published_and_only_in_training(checkpoint: Path, tmp_path: Path) -> None:
    """Jain et al. 2023, algorithm 1: uniform within alpha / sqrt(length · width), on the embeddings."""
    alpha, seen, clean = 5.0, list[torch.Tensor](), list[torch.Tensor]()
    trainer, _ = make_trainer(
        checkpoint, tmp_path, rows=ROWS, recipe=make_recipe(neftune_alpha=alpha, validation={"every": 1}),
        budget={"unit": "steps", "amount": 2}, meter=Meter(),
    )  # fmt: skip

    class Watch(TrainerCallback):
        """Looks at what leaves the embeddings, behind the hook that adds noise."""

        def on_step_begin(self, *args: Any, **more: Any) -> None:
            if not seen:
                embeddings.register_forward_hook(look)

    def look(module: torch.nn.Module, given: tuple[torch.Tensor], left: torch.Tensor) -> None:
        noise = (left - module.weight[given[0]]).detach()  # type: ignore[index]
        (seen if module.training else clean).append(noise * (noise[0].numel() ** 0.5))

    embeddings = trainer.model.get_input_embeddings()
    trainer.add_callback(Watch())
    trainer.train()
    trainer.model.eval()
    trainer.model(input_ids=torch.arange(2, 12)[None])
    assert seen
    assert clean
    assert all(float(one.abs().max()) <= alpha * (1 + 1e-4) for one in seen)
    assert all(float(one.std()) == pytest.approx(alpha / 3**0.5, rel=0.05) for one in seen), "uniform"
    assert all(float(one.abs().max()) == 0 for one in clean)


def test_the_phases_leave_little_unexplained(checkpoint: Path, tmp_path: Path) -> None:
    """Time that passes in batches, in the model, in its gradients and in the optimiser has the name of each."""
    now = [0.0]

    def passes(seconds: float) -> Callable[..., None]:
        def hook(*_: object) -> None:
            now[0] += seconds

        return hook

    meter = Meter(clock=lambda: now[0])
    trainer, _ = make_trainer(
        checkpoint, tmp_path, rows=ROWS, recipe=make_recipe(), budget={"unit": "steps", "amount": 20}, meter=meter
    )
    collated = trainer.data_collator

    def collate_slowly(batch: Any) -> Any:
        now[0] += 1000.0
        return collated(batch)

    trainer.data_collator = collate_slowly
    trainer.model.model.layers[0].register_forward_hook(passes(1.0))
    trainer.model.model.norm.weight.register_hook(passes(10.0))
    with register_optimizer_step_post_hook(passes(100.0)):
        trainer.train()
    spent = meter.seconds()
    assert (spent.data, spent.compute, spent.optimizer) == (20 * 1000.0, 20 * 11.0, 20 * 100.0)
    assert spent.wall == spent.data + spent.compute + spent.optimizer
