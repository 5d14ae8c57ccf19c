"""Logits where they are read, and batches by length."""

from typing import Any

import pytest
import torch

from bench.model.forward import batches, logits_at, padded, token_logprobs
from tests.evals.loud import OTHERS, loud, other_model
from tests.fakes.checkpoints import ARCHITECTURES

IDS = torch.arange(2, 38).view(3, 12)
ROWS, COLUMNS = torch.tensor([0, 2, 2, 1]), torch.tensor([11, 0, 5, 3])


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, *OTHERS])
@torch.no_grad()
def test_read_positions_have_the_full_logits(architecture: Any) -> None:
    """Scaled and soft-capped logits included, in the order asked for."""
    model = other_model(architecture) if architecture in OTHERS else loud(architecture)
    expected = model(input_ids=IDS).logits[ROWS, COLUMNS]
    assert torch.allclose(logits_at(model, ROWS, COLUMNS, input_ids=IDS), expected, atol=1e-4)


@torch.no_grad()
def test_the_head_runs_at_the_read_positions_alone() -> None:
    """On a small model with a large vocabulary the head is most of an eval's time."""
    model = loud("llama")
    seen: list[int] = []
    logits_at(model, ROWS, COLUMNS, input_ids=IDS)
    model.get_output_embeddings().register_forward_hook(lambda _, inputs, output: seen.append(output[..., 0].numel()))
    logits_at(model, ROWS, COLUMNS, input_ids=IDS)
    model(input_ids=IDS)
    assert seen == [4, 36], "and the model is as it was afterwards"


@torch.no_grad()
def test_a_model_that_reshapes_its_logits_gets_them_in_full() -> None:
    """Logits of other positions would come back without an error."""
    model = loud("llama")
    forward = model.forward

    def reshaping(input_ids: torch.Tensor, **inputs: Any) -> Any:
        output = forward(input_ids=input_ids, **inputs)
        output.logits = output.logits.reshape(input_ids.shape[0], -1, output.logits.shape[-1])
        return output

    expected = model(input_ids=IDS).logits[ROWS, COLUMNS]
    model.forward = reshaping
    assert torch.allclose(logits_at(model, ROWS, COLUMNS, input_ids=IDS), expected, atol=1e-5)


def test_token_logprobs() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0], [5.0, -1.0, 0.0]])
    logprobs, greedy = token_logprobs(logits, torch.tensor([2, 1]))
    assert torch.allclose(logprobs, logits.log_softmax(1)[[0, 1], [2, 1]])
    assert greedy.tolist() == [True, False]


def test_batches_keep_to_the_slots() -> None:
    """A batch that outgrows its slots runs out of memory; a lone row that does is given its chance."""
    lengths = [3, 50, 7, 7, 2, 9, 4]
    found = batches(lengths, slots=20)
    assert sorted(index for batch in found for index in batch) == list(range(7))
    assert found[0] == [1], "longest first, alone"
    assert all(len(batch) * max(lengths[i] for i in batch) <= 20 for batch in found[1:])
    assert batches([]) == []


def test_batches_keep_to_the_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read positions × a vocabulary of 150,000 are the larger tensor."""
    monkeypatch.setattr("bench.model.forward.LOGITS", 100)
    found = batches([5] * 6, reads=[2] * 6, vocabulary=20)
    assert [len(batch) for batch in found] == [2, 2, 2]
    assert [len(batch) for batch in batches([5] * 6, slots=8192, reads=[2] * 6, vocabulary=20)] == [5, 1]
    assert [len(batch) for batch in batches([5] * 6, slots=2048, reads=[2] * 6, vocabulary=20)] == [2, 2, 2]


def test_padding() -> None:
    assert padded([[1, 2], [3]], fill=0).tolist() == [[1, 2], [3, 0]]
    assert padded([[1, 2], [3]], fill=0, left=True).tolist() == [[1, 2], [0, 3]]
