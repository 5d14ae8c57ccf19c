"""The head at supervised positions: speed must not change the loss, nor the gradients."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn import functional

from bench.train.batch import collate
from bench.train.example import make_example
from bench.train.head import SupervisedHead, summed_loss_everywhere
from tests.fakes.checkpoints import ARCHITECTURES, Architecture, tiny_model, tiny_tokenizer
from tests.fakes.training import PlainRenderer, make_rows

TOKENIZER = tiny_tokenizer()


def make_batch(*, packed: bool = False) -> dict[str, Any]:
    """Four rows, padded or packed in pairs."""
    renderer = PlainRenderer(TOKENIZER, 128)
    made = [make_example(index, row, renderer) for index, row in enumerate(make_rows(4))]
    rows = [row for row in made if row is not None]
    sequences = [tuple(rows[:2]), tuple(rows[2:])] if packed else [(row,) for row in rows]
    return collate(sequences, TOKENIZER.eos_token_id, packed=packed)


def plain_loss(model: torch.nn.Module, batch: dict[str, Any]) -> torch.Tensor:
    """The textbook: all logits, shifted labels, `ignore_index`."""
    inputs = {name: batch[name] for name in ("input_ids", "position_ids", "attention_mask") if name in batch}
    logits = model(**inputs, use_cache=False).logits[:, :-1]
    return functional.cross_entropy(logits.flatten(0, 1), batch["labels"][:, 1:].flatten(), reduction="sum")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_loss_and_gradients_are_those_of_all_logits(architecture: Architecture, packed: bool) -> None:
    batch = make_batch(packed=packed)
    count = len(batch["targets"])
    gradients = []
    for kind in ("plain", "everywhere", "supervised"):
        model = tiny_model(architecture)
        if kind == "supervised":
            head = SupervisedHead.of(model, batch)
            assert head is not None
            loss = head.summed_loss(model, batch) / count
        elif kind == "everywhere":
            loss = summed_loss_everywhere(model, batch) / count
        else:
            loss = plain_loss(model, batch) / count
        loss.backward()
        gradients.append((loss.item(), torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])))
    for loss, gradient in gradients[1:]:
        assert loss == pytest.approx(gradients[0][0], abs=1e-6)
        assert torch.allclose(gradient, gradients[0][1], atol=1e-6)


def test_only_supervised_positions_reach_the_head() -> None:
    batch, model = make_batch(), tiny_model()
    seen: list[int] = []
    head = SupervisedHead.of(model, batch)
    assert head is not None
    model.lm_head.register_forward_hook(lambda module, inputs, output: seen.append(output.shape[1]))
    head.summed_loss(model, batch)
    assert seen == [batch["counts"].supervised_tokens]
    assert batch["counts"].supervised_tokens < batch["counts"].slots / 2


def test_generation_still_gets_every_logit() -> None:
    batch, model = make_batch(), tiny_model()
    head = SupervisedHead.of(model, batch)
    assert head is not None
    head.summed_loss(model, batch)
    assert model(input_ids=batch["input_ids"]).logits.shape[:2] == batch["input_ids"].shape


def test_a_model_whose_logits_depend_on_all_positions_falls_back() -> None:
    """The loss must be right first, fast second."""

    class Odd(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Embedding(384, 8)
            self.head = torch.nn.Linear(8, 384)

        def get_output_embeddings(self) -> torch.nn.Module:
            return self.head

        def forward(self, input_ids: torch.Tensor, use_cache: bool = False) -> Any:
            logits = self.head(self.embed(input_ids))
            return SimpleNamespace(logits=logits - logits.mean(dim=1, keepdim=True))

    model = Odd()
    assert SupervisedHead.of(model, make_batch()) is None
    assert not model.head._forward_pre_hooks


def test_a_model_without_an_output_embedding_falls_back() -> None:
    assert SupervisedHead.of(torch.nn.Linear(2, 2), make_batch()) is None
