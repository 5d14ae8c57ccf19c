"""A check's loss is what evals compute: that of the plain layers within rounding."""

import pytest
import torch

from bench.model.loading.packed_linear import pack_linears
from bench.model.row_loss import all_predicted, loss_of
from tests.fakes.decoders import decoder

ROWS = [([5, 6, 7, 8, 9], [2, 4]), ([5, 6, 7], [1]), ([30, 31], []), all_predicted([5, 6, 90, 91])]


@torch.no_grad()
def test_it_is_the_mean_over_predicted_tokens() -> None:
    model, packed = decoder("qwen2"), decoder("qwen2")
    pack_linears(packed)
    logprobs = [
        model(torch.tensor([ids])).logits[0].log_softmax(-1)[at - 1, ids[at]] for ids, scored in ROWS for at in scored
    ]
    expected = -float(torch.stack(logprobs).mean())
    assert len(logprobs) == 6
    assert [loss_of(one, ROWS) for one in (model, packed)] == pytest.approx([expected] * 2, abs=1e-4)
