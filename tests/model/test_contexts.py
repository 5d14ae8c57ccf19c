"""What rows begin with alike is read once, and counts in each of them."""

from itertools import chain

import pytest
import torch

from bench.model.contexts import Contexts, in_passes, logits_behind
from bench.model.loading.packed_linear import pack_linears
from bench.model.native_trial import native
from tests.compiler import needs_compiler
from tests.fakes.decoders import decoder

ROWS = [[5, 6, 9], [5, 6], [5, 6, 7, 8], [4], [5, 6, 7, 8], [5, 7, 8]]


def test_each_distinct_beginning_is_there_once_with_the_number_of_its_rows() -> None:
    contexts = Contexts.of(ROWS)
    found = {
        contexts.rows[row][: column + 1]: n for (row, column), n in zip(contexts.places, contexts.counts, strict=True)
    }
    assert found == {
        (4,): 1, (5,): 5, (5, 6): 4, (5, 6, 7): 2, (5, 6, 7, 8): 2, (5, 6, 9): 1, (5, 7): 1, (5, 7, 8): 1,
    }  # fmt: skip
    assert len(contexts.places) == len(found)
    assert sum(contexts.counts) == sum(map(len, ROWS))


def test_every_row_is_in_one_pass_and_none_has_too_many_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.model.contexts.most_logits", lambda slots: 4 * 5 * 100)
    passes = list(in_passes(ROWS, vocabulary=100))
    assert sorted(chain.from_iterable(one.rows for one in passes)) == sorted(map(tuple, ROWS))
    assert len(passes) == 2
    assert max(len(one.places) for one in passes) <= 5


@needs_compiler
@torch.no_grad()
def test_logits_are_those_of_whole_rows_in_cpp_and_by_layers() -> None:
    """Behind a long beginning as well, which layers compute once."""
    plain, packed = decoder("llama"), decoder("llama")
    pack_linears(packed)
    made = native(packed)
    assert made is not None
    for rows in (ROWS, [[*range(3, 43), 7], [*range(3, 43), 9, 11], [*range(3, 43), 9]]):
        contexts = Contexts.of(rows)
        whole = torch.stack(
            [plain(torch.tensor([contexts.rows[r][: c + 1]])).logits[0, -1] for r, c in contexts.places]
        )
        assert torch.allclose(logits_behind(packed, contexts, made), whole, atol=1e-4)
        assert torch.allclose(logits_behind(plain, contexts, None), whole, atol=1e-4)
