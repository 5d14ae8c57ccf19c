"""Which rows one pass reads together: a pass has a budget of slots."""

from types import SimpleNamespace
from typing import Any

import pytest

from bench.evals.inference.generation import continuous_batch


def lengths_read(monkeypatch: pytest.MonkeyPatch, lengths: list[int], *, pads: bool, slots: int) -> list[list[int]]:
    """Lengths of the prompts of each pass. slots: of a pass; of its padding where it pads."""
    monkeypatch.setattr(continuous_batch, "SLOTS", slots)
    monkeypatch.setattr(continuous_batch, "PASS_SLOTS", slots)
    group = continuous_batch._Group(number=0, ids=())
    rows: list[Any] = [SimpleNamespace(request=SimpleNamespace(prompt=range(length))) for length in lengths]
    passes = continuous_batch._read_together([(row, group) for row in rows], pads=pads)
    return [[len(row.request.prompt) for row in batch] for _, batch in passes]


def test_rows_are_read_together_up_to_the_slots_of_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longest first; where rows are padded it is the padding that is held down."""
    assert lengths_read(monkeypatch, [4, 6, 5, 1], pads=False, slots=10) == [[6], [5, 4, 1]]
    assert lengths_read(monkeypatch, [4, 6, 5, 1], pads=True, slots=3) == [[6, 5, 4], [1]]
