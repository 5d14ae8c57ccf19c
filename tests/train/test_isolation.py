"""Packing: a model in which packed rows are not what they are alone must not train, and no other is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PretrainedConfig

from bench.errors import InputError
from bench.record.results.training.ledger import Step
from bench.train.accounting.meter import Meter
from bench.train.batches.encoded_row import EncodedRow, encode_row
from bench.train.isolation import check_isolation, row_separation
from bench.train.planning.check import check_training
from tests.fakes.architectures import EXPERTS, SLIDING, UNPACKABLE, architecture_checkpoint
from tests.fakes.checkpoints import ARCHITECTURES, Architecture, tiny_checkpoint, tiny_model, tiny_tokenizer
from tests.fakes.training import (
    PlainRenderer,
    make_job,
    make_recipe,
    make_rows,
    make_trainer,
    resolved_model,
    stored_data,
)

CPU = torch.device("cpu")
LONG_ROWS = make_rows(6, words=(2, 60))
"""Rows of very unequal length, most of them longer than a window."""


def sequence() -> tuple[EncodedRow, ...]:
    """Three rows."""
    renderer = PlainRenderer(tiny_tokenizer(), 128)
    encoded = [encode_row(index, row, renderer) for index, row in enumerate(make_rows(3))]
    return tuple(row for row in encoded if row is not None)


def losses(checkpoint: Path, folder: Path, **recipe: Any) -> tuple[Step, ...]:
    """Steps over all rows with weights that do not move."""
    meter = Meter()
    trainer, schedule = make_trainer(
        checkpoint, folder, rows=LONG_ROWS, budget={"unit": "epochs", "amount": 1}, max_length=200, meter=meter,
        recipe=make_recipe(learning_rate=1e-12, schedule="constant", **recipe),
    )  # fmt: skip
    trainer.train()
    assert max(example.tokens for example in schedule.examples()) > 60
    return meter.steps


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("name", "config"), [*SLIDING.items(), *EXPERTS.items()])
def test_packed_rows_have_the_loss_of_the_same_rows_unpacked(
    tmp_path: Path, name: str, config: Callable[[], PretrainedConfig], seed: int
) -> None:
    """Without its sliding window a packed Mistral has another loss, and nothing tells."""
    base = architecture_checkpoint(tmp_path / "base", config(), seed=seed)
    sums = []
    for recipe in ({"packing": "bfd", "batch_rows": 1}, {"batch_rows": 1}):
        steps = losses(base, tmp_path / "out", **recipe)
        sums.append(sum((step.loss or 0) * step.supervised_tokens for step in steps))
    assert sums[0] == pytest.approx(sums[1], rel=1e-5)


SEEN_WITH_A_MASK = {"gpt_oss": "too", "mpt": "too", "falcon_alibi": "fails", "bloom": "fails"}
"""What a mask of the rows changes: whoever reads one reason must not take it for that of the other input."""


@pytest.mark.parametrize(("name", "config"), UNPACKABLE.items())
def test_a_model_that_cannot_train_on_packed_rows_is_refused_with_what_was_seen(
    tmp_path: Path, name: str, config: Callable[[], PretrainedConfig]
) -> None:
    """Before any training, and with its own recipe alone: unpacked, it may train."""
    base = architecture_checkpoint(tmp_path / "base", config())
    job = make_job(
        resolved_model(base), stored_data(tmp_path, LONG_ROWS), recipe=make_recipe(packing="bfd"),
        budget={"unit": "steps", "amount": 1},
    )  # fmt: skip
    with pytest.raises(InputError, match="rows that are packed into one sequence see each other") as refused:
        check_training(job)
    assert [problem.where for problem in refused.value.problems] == ["recipe.*.packing"]
    seen = refused.value.problems[0].what.partition("given a mask of the rows as well, ")[2]
    fails = "its forward pass fails on them (ValueError: too many values to unpack (expected 2))"
    assert name not in SEEN_WITH_A_MASK or seen == {"too": "too", "fails": fails}[SEEN_WITH_A_MASK[name]]
    check_training(job.model_copy(update={"recipe": make_recipe()}))


@pytest.mark.parametrize("name", EXPERTS)
def test_router_losses_are_no_obstacle(tmp_path: Path, name: str) -> None:
    """A model that asks for its router loss looks into the mask, which must not be that of packed rows."""
    config = EXPERTS[name]()
    config.output_router_logits = True
    assert row_separation(resolved_model(architecture_checkpoint(tmp_path, config))) == "positions"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_known_architectures_keep_rows_apart(tmp_path: Path, architecture: Architecture) -> None:
    """OPT numbers its positions by the mask."""
    model = resolved_model(tiny_checkpoint(tmp_path, architecture))
    separation = row_separation(model)
    assert separation == ("positions and mask" if architecture == "opt" else "positions")
    check_isolation(tiny_model(architecture), sequence(), 1, device=CPU, separation=separation)


@pytest.mark.parametrize(("architecture", "ignored"), [("opt", "attention_mask"), ("gpt2", "position_ids")])
def test_a_model_that_ignores_mask_or_positions_is_refused(architecture: Architecture, ignored: str) -> None:
    class Leaky(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = tiny_model(architecture)

        def forward(self, **inputs: Any) -> Any:
            inputs.pop(ignored, None)
            return self.inner(**inputs)

    separation = "positions and mask" if architecture == "opt" else "positions"
    with pytest.raises(InputError, match="see each other"):
        check_isolation(Leaky(), sequence(), 1, device=CPU, separation=separation)


def test_rows_that_are_apart_and_yet_computed_otherwise_are_refused_for_that() -> None:
    """Such as rows that lose their window: to say that they see each other would be untrue."""

    class Scaled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = tiny_model()

        def forward(self, **inputs: Any) -> Any:
            output = self.inner(**inputs)
            output.logits *= 1.0 if inputs.get("position_ids") is None else 1.1
            return output

    with pytest.raises(InputError, match="computed otherwise than alone"):
        check_isolation(Scaled(), sequence(), 1, device=CPU, separation="positions")


@pytest.mark.parametrize("training", [True, False])
def test_dropout_neither_looks_like_a_leak_nor_is_lost(training: bool) -> None:
    model = tiny_model("gpt2").train(training)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.5
    check_isolation(model, sequence(), 1, device=CPU, separation="positions")
    assert model.training is training
