"""The head at chosen positions: speed must not change the loss, nor the gradients."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn import functional

from bench.model.head import full_logits, selected_logits, selects
from bench.train.batches.collate import collate, model_inputs
from bench.train.batches.encoded_row import encode_row
from tests.fakes.checkpoints import ARCHITECTURES, Architecture, tiny_model, tiny_tokenizer
from tests.fakes.training import PlainRenderer, make_rows

TOKENIZER = tiny_tokenizer()


def make_batch(*, packed: bool = False) -> dict[str, Any]:
    """Four rows, padded or packed in pairs."""
    renderer = PlainRenderer(TOKENIZER, 128)
    made = [encode_row(index, row, renderer) for index, row in enumerate(make_rows(4))]
    rows = [row for row in made if row is not None]
    batch = (tuple(rows[:2]), tuple(rows[2:])) if packed else tuple((row,) for row in rows)
    return collate(batch, TOKENIZER.eos_token_id, "positions and mask" if packed else None)


def chosen(batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows and columns of the supervised positions."""
    return batch["rows"], batch["columns"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_loss_and_gradients_are_those_of_all_logits(architecture: Architecture, packed: bool) -> None:
    batch = make_batch(packed=packed)
    results = []
    for kind in ("plain", "full", "selected"):
        model = tiny_model(architecture)
        if kind == "plain":
            logits = model(**model_inputs(batch)).logits[:, :-1]
            loss = functional.cross_entropy(logits.flatten(0, 1), batch["labels"][:, 1:].flatten())
        else:
            read = full_logits if kind == "full" else selected_logits
            loss = functional.cross_entropy(read(model, *chosen(batch), **model_inputs(batch)), batch["targets"])
        loss.backward()
        results.append((loss.item(), torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])))
    for loss, gradient in results[1:]:
        assert loss == pytest.approx(results[0][0], abs=1e-6)
        assert torch.allclose(gradient, results[0][1], atol=1e-6)
    assert selects(tiny_model(architecture), *chosen(batch), **model_inputs(batch))


def test_only_chosen_positions_reach_the_head_and_only_then() -> None:
    batch, model = make_batch(), tiny_model()
    seen: list[int] = []
    model.lm_head.register_forward_hook(lambda module, inputs, output: seen.append(output[..., 0].numel()))
    selected_logits(model, *chosen(batch), **model_inputs(batch))
    model(input_ids=batch["input_ids"])
    assert seen == [batch["counts"].supervised_tokens, batch["counts"].slots]
    assert seen[0] < seen[1] / 2


def test_virtual_tokens_before_the_row_do_not_shift_what_is_read() -> None:
    """A learned prompt makes the hidden states longer than the ids."""
    batch, model = make_batch(), tiny_model().eval()
    embed = model.get_input_embeddings()

    class Prompted(torch.nn.Module):
        def get_output_embeddings(self) -> torch.nn.Module:
            return model.lm_head

        def forward(self, input_ids: torch.Tensor, use_cache: bool = False) -> Any:
            before = embed(torch.full((len(input_ids), 3), 7))
            return model(inputs_embeds=torch.cat([before, embed(input_ids)], dim=1), use_cache=False)

    prompted = Prompted()
    inputs = model_inputs(batch)
    whole = prompted(**inputs).logits[:, 3:][chosen(batch)]
    for read in (full_logits, selected_logits):
        assert torch.allclose(read(prompted, *chosen(batch), **inputs), whole, atol=1e-5)


def test_a_model_whose_logits_depend_on_all_positions_is_not_narrowed() -> None:
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

    model, batch = Odd(), make_batch()
    assert not selects(model, *chosen(batch), **model_inputs(batch))
    assert not model.head._forward_pre_hooks
    assert not selects(torch.nn.Linear(2, 2), *chosen(batch), **model_inputs(batch))
