"""Batches: a wrong mask trains on padding or prompts while the loss looks normal."""

import numpy as np
import pytest
import torch

from bench.train.batches.collate import Collator, collate, model_inputs
from bench.train.batches.encoded_row import EncodedRow, encode_row
from tests.fakes.checkpoints import ARCHITECTURES, Architecture, tiny_model, tiny_tokenizer
from tests.fakes.training import PlainRenderer, make_rows

TOKENIZER = tiny_tokenizer()
EOS = TOKENIZER.eos_token_id


def examples(count: int = 6) -> list[EncodedRow]:
    """Rendered fake rows."""
    renderer = PlainRenderer(TOKENIZER, 128)
    made = [encode_row(index, row, renderer) for index, row in enumerate(make_rows(count))]
    return [example for example in made if example is not None]


def test_a_real_end_of_sequence_is_learned_though_it_is_also_the_pad_token() -> None:
    rows = examples()
    batch = collate([(row,) for row in rows], EOS)
    for row, labels in zip(rows, batch["labels"], strict=True):
        assert labels[row.tokens - 1] == EOS
        assert (labels[row.tokens :] == -100).all()
    assert (batch["targets"] == EOS).sum() == len(rows)


def test_what_is_supervised_decodes_to_the_answers() -> None:
    """Supervised tokens recounted by decoding."""
    rows = make_rows(6)
    batch = collate([(row,) for row in examples()], EOS)
    for row, labels in zip(rows, batch["labels"], strict=True):
        text = TOKENIZER.decode(labels[labels != -100])
        assert text == f" {row.turns[-1].content}</s>"


def test_counts_are_those_of_the_tensors() -> None:
    rows = examples()
    batch = collate([(row,) for row in rows], EOS)
    counts = batch["counts"]
    assert counts.rows == 6
    assert counts.tokens == sum(row.tokens for row in rows)
    assert counts.slots == batch["input_ids"].numel()
    assert counts.supervised_tokens == int((batch["labels"] != -100).sum()) == len(batch["rows"])


def test_positions_point_at_the_token_before_each_target() -> None:
    batch = collate([(row,) for row in examples()], EOS)
    following = torch.roll(batch["labels"], -1, dims=1)[batch["rows"], batch["columns"]]
    assert torch.equal(following, batch["targets"])


def test_the_first_token_of_a_row_is_never_a_target() -> None:
    """In a packed sequence it would be predicted from another row."""

    class AllSupervised(PlainRenderer):
        def row(self, row):  # type: ignore[no-untyped-def]
            rendered = super().row(row)
            return type(rendered)(rendered.input_ids, [True] * len(rendered.input_ids), rendered.truncated)

    rows = [encode_row(index, row, AllSupervised(TOKENIZER, 128)) for index, row in enumerate(make_rows(3))]
    batch = collate([tuple(row for row in rows if row is not None)], EOS, "positions and mask")
    starts = np.flatnonzero(batch["position_ids"][0] == 0)
    assert len(starts) == 3
    assert (batch["labels"][0, starts] == -100).all()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_packed_rows_do_not_see_each_other(architecture: Architecture) -> None:
    """Packing that changes what a row's tokens attend to changes results."""
    rows = examples(6)
    model = tiny_model(architecture).eval()
    packed = collate([tuple(rows[:3]), tuple(rows[3:5]), (rows[5],)], EOS, "positions and mask")
    with torch.no_grad():
        together = model(**model_inputs(packed)).logits
        places = [
            (0, 0),
            (0, rows[0].tokens),
            (0, rows[0].tokens + rows[1].tokens),
            (1, 0),
            (1, rows[3].tokens),
            (2, 0),
        ]
        for row, (sequence, start) in zip(rows, places, strict=True):
            alone = model(input_ids=torch.from_numpy(row.ids)[None].long(), use_cache=False).logits[0]
            assert torch.allclose(together[sequence, start : start + row.tokens], alone, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_without_a_mask_leaves_the_rows_as_they_are_alone(architecture: Architecture) -> None:
    rows = examples(6)
    model = tiny_model(architecture).eval()
    batch = collate([(row,) for row in rows], EOS)
    with torch.no_grad():
        together = model(input_ids=batch["input_ids"], use_cache=False).logits
        for number, row in enumerate(rows):
            alone = model(input_ids=torch.from_numpy(row.ids)[None].long(), use_cache=False).logits[0]
            assert torch.allclose(together[number, : row.tokens], alone, atol=1e-5)


def test_the_collator_takes_batches_by_their_index() -> None:
    rows = examples()
    batches = (((rows[0],), (rows[1],)), ((rows[4],), (rows[1],)))
    batch = Collator(batches=batches, pad_token_id=EOS, separation=None)([{"batch": 1}])
    assert torch.equal(batch["input_ids"][0, : rows[4].tokens], torch.from_numpy(rows[4].ids).long())
    assert "position_ids" not in batch
    assert batch["counts"].rows == 2
    assert model_inputs(batch).keys() == {"input_ids", "use_cache"}
    assert model_inputs(batch)["use_cache"] is False, "keys and values that nobody reads would take memory"


def test_an_index_past_the_last_batch_is_an_idle_pass_that_counts_for_nothing() -> None:
    rows = examples()
    batches = (((rows[0],), (rows[1],)), ((rows[4],), (rows[1],)))
    idle = Collator(batches=batches, pad_token_id=EOS, separation=None)([{"batch": 2}])
    counts = idle["counts"]
    assert (counts.rows, counts.tokens, counts.supervised_tokens, counts.slots) == (0, 0, 0, 0)
    assert idle["input_ids"].tolist() == [rows[4].ids.tolist()]
