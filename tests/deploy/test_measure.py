"""What a form takes: bytes of its tensors as they are stored, and speeds over the same work for every form."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bench.deploy import measure
from bench.deploy.measure import serving, tensor_bytes
from bench.evals.inference.generation.request import GenerationRequest


class Tied(torch.nn.Module):
    """A matrix used twice, a half-precision buffer and two halves of one storage."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = torch.nn.Embedding(10, 4), torch.nn.Linear(4, 10, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("scales", torch.ones(6, dtype=torch.float16))
        both = torch.zeros(8)
        self.first, self.second = (torch.nn.Parameter(part) for part in (both[:4], both[4:]))


def test_bytes_count_what_is_shared_once_and_each_part_of_a_storage() -> None:
    assert tensor_bytes(Tied()) == 10 * 4 * 4 + 6 * 2 + 8 * 4


class Reader:
    """Keeps the passes that it is given."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self.passes: list[tuple[torch.Tensor, torch.Tensor]] = []

    def __call__(self, *, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        self.passes.append((input_ids, attention_mask))
        return SimpleNamespace(logits=torch.zeros(1, 1, 1))


def test_every_row_is_read_once_after_a_warm_up_and_the_first_are_answered_at_one_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A form that ends its answers sooner, or is timed cold, would look faster or slower than it is."""
    asked: list[Sequence[GenerationRequest]] = []

    def generate(model: Any, tokenizer: Any, requests: Sequence[GenerationRequest]) -> list[Any]:
        asked.append(requests)
        return [SimpleNamespace(ids=(1,) * request.max_new_tokens) for request in requests]

    ticks = iter([10.0, 11.0, 20.0, 24.0, 30.0, 31.0, 40.0, 48.0])
    monkeypatch.setattr(measure, "generate", generate)
    monkeypatch.setattr(measure, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    model: Any = Reader()
    rows = [[7] * (1 + number % 3) for number in range(20)]
    found = serving(model, None, rows)  # type: ignore[arg-type]
    assert [ids.shape[0] for ids, _ in model.passes] == [8, 8, 8, 4], "the first eight warm up"
    assert sum(int(mask.sum()) for _, mask in model.passes[1:]) == sum(map(len, rows))
    assert all(torch.equal(ids != 0, mask.bool()) for ids, mask in model.passes)
    assert found.prompt_tokens_per_second == sum(map(len, rows)) / 4
    assert [(len(requests), requests[0].max_new_tokens) for requests in asked] == [(8, 4), (16, 32)]
    assert {request.stop_ids for request in asked[1]} == {frozenset()}, "nothing ends an answer earlier"
    assert found.tokens_per_second == 16 * 32 / 8
