"""`bench data show` must show what training will see, not something like it."""

from pathlib import Path
from typing import Any

import pytest

from bench.data.render.row import Row, Turn
from bench.errors import InputError
from bench.record.results.training.preview import Bin, Preview
from bench.suite.resolved import ResolvedData, ResolvedModel
from bench.train.batches.loss_mask import LossOn
from bench.train.planning import preview as previewing
from bench.train.planning.preview import histogram, preview
from bench.train.training_data import build_training_data
from tests.fakes.checkpoints import tiny_checkpoint
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data


def _preview(model: ResolvedModel, data: ResolvedData, **more: Any) -> Preview:
    options: dict[str, Any] = {
        "max_length": 64,
        "loss_on": "completion",
        "end_token": True,
        "rows": 2,
        "emit": lambda event: None,
    }
    return preview(model, data, **{**options, **more})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ResolvedModel:
    return resolved_model(tiny_checkpoint(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture
def data(tmp_path: Path) -> ResolvedData:
    return stored_data(tmp_path, make_rows(30, words=(2, 60)))


@pytest.mark.parametrize("loss_on", ["completion", "assistant", "all"])
def test_it_counts_what_an_epoch_of_training_counts(model: ResolvedModel, data: ResolvedData, loss_on: LossOn) -> None:
    job = make_job(
        model, data, recipe=make_recipe(max_length=64, loss_on=loss_on), budget={"unit": "epochs", "amount": 1}
    )
    schedule = build_training_data(job, budget=job.budget).schedule
    seen = _preview(model, data, loss_on=loss_on)
    assert seen.supervised_tokens == schedule.supervised_tokens
    assert seen.truncated >= schedule.truncated_rows > 0
    assert seen.nothing_supervised == schedule.dropped_rows
    assert sum(one.rows for one in seen.histogram) == seen.measured == 30


def test_a_row_that_the_template_cannot_print_is_left_out_and_named(model: ResolvedModel, tmp_path: Path) -> None:
    thinks = Turn(role="assistant", content="4", reasoning="two and two")
    odd = Row(turns=(Turn(role="user", content="2+2?"), thinks), origin="r:odd")
    data = stored_data(tmp_path, [odd, *make_rows(99)])
    seen = _preview(model, data)
    assert (seen.refused, len(seen.examples)) == (1, 2)
    assert seen.refused_first.startswith("r:odd: template 'dialogue' leaves out the reasoning")
    with pytest.raises(InputError, match="leaves out the reasoning"):
        _preview(model, data.model_copy(update={"odd_rows": "strict"}))


def test_segments_put_together_are_the_row_and_mark_the_answer(model: ResolvedModel, tmp_path: Path) -> None:
    row = Row(turns=(Turn(role="user", content="What is it?"), Turn(role="assistant", content="A town.")), origin="r:7")
    [shown] = _preview(model, stored_data(tmp_path, [row]), rows=5).examples
    assert shown.origin == "r:7"
    assert [(one.text, one.supervised) for one in shown.segments] == [
        ("User: What is it?\nAssistant:", False),
        (" A town.</s>", True),
    ]


def test_lengths_are_those_before_the_cut(model: ResolvedModel, data: ResolvedData) -> None:
    """A histogram of cut rows would end at the limit, whatever is lost beyond it."""
    cut, whole = _preview(model, data, max_length=16), _preview(model, data, max_length=2**20)
    assert (cut.histogram, cut.median, cut.longest) == (whole.histogram, whole.median, whole.longest)
    assert cut.longest > 64
    assert cut.tokens + cut.tokens_cut_off == whole.tokens
    assert [one.tokens + one.cut_off for one in cut.examples] == [one.tokens for one in whole.examples]
    assert whole.tokens_cut_off == whole.truncated == 0


def test_doubles_are_counted_and_many_rows_are_sampled(
    model: ResolvedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = make_rows(20)
    monkeypatch.setattr(previewing, "MEASURED", 8)
    seen = _preview(model, stored_data(tmp_path, [*rows, *rows[:5]]))
    assert (seen.duplicates, seen.measured) == (5, 8)


def test_bins_double_and_hold_every_row() -> None:
    assert histogram([3, 16, 17, 33, 64]) == (
        Bin(from_tokens=1, to_tokens=16, rows=2),
        Bin(from_tokens=17, to_tokens=32, rows=1),
        Bin(from_tokens=33, to_tokens=64, rows=2),
    )
