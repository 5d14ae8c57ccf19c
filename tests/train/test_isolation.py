"""The check before a packed training: a model in which packed rows leak must not train."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench.errors import InputError
from bench.train.batches.encoded_row import EncodedRow, encode_row
from bench.train.isolation import check_isolation
from tests.fakes.checkpoints import ARCHITECTURES, Architecture, tiny_model, tiny_tokenizer
from tests.fakes.training import PlainRenderer, make_rows

CPU = torch.device("cpu")


def sequence() -> tuple[EncodedRow, ...]:
    """Three rows."""
    renderer = PlainRenderer(tiny_tokenizer(), 128)
    made = [encode_row(index, row, renderer) for index, row in enumerate(make_rows(3))]
    return tuple(row for row in made if row is not None)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_known_architectures_keep_rows_apart(architecture: Architecture) -> None:
    check_isolation(tiny_model(architecture), sequence(), 1, CPU)


@pytest.mark.parametrize(("architecture", "ignored"), [("opt", "attention_mask"), ("gpt2", "position_ids")])
def test_a_model_that_ignores_mask_or_positions_is_refused(architecture: Architecture, ignored: str) -> None:
    class Leaky(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = tiny_model(architecture)

        def forward(self, **inputs: Any) -> Any:
            inputs.pop(ignored, None)
            return self.inner(**inputs)

    with pytest.raises(InputError, match="see each other"):
        check_isolation(Leaky(), sequence(), 1, CPU)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_neither_looks_like_a_leak_nor_is_lost(training: bool) -> None:
    model = tiny_model("gpt2").train(training)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.5
    check_isolation(model, sequence(), 1, CPU)
    assert model.training is training
