"""Forward passes whose logits are computed only where they are read, and batches of similar length.

Contract: the result for one row does not depend on the rows beside it, but for rounding. The language-model head, which
dominates small models with large vocabularies, runs at the read positions alone; whatever a model does to its logits
after the head (scaling, soft-capping) still happens.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bench.model.head import full_logits, selected_logits, selects
from bench.model.trials import tried_once

SLOTS = 4096
"""Rows × padded length of one forward pass, at most, where a device is not measured (`slot_budget`)."""
LOGITS = 1 << 26
"""Read positions × vocabulary of one forward pass of `SLOTS` slots or fewer, at most: 256 MiB in fp32."""


def logits_at(model: PreTrainedModel, rows: Tensor, columns: Tensor, **inputs: Any) -> Tensor:
    """Logits [reads, vocabulary] in fp32 at the positions (rows[i], columns[i]) of one forward pass over `inputs`."""
    read = selected_logits if narrows_head(model) else full_logits
    return read(model, rows, columns, **inputs).float()


@tried_once
def narrows_head(model: PreTrainedModel) -> bool:
    """Whether the model's head can be made to see the read positions only, tried on a few made-up ids."""
    ids = torch.arange(8, device=model.device).view(2, 4) % vocabulary_size(model)
    rows, columns = torch.tensor([[0, 1, 1], [1, 3, 0]], device=model.device)
    return selects(model, rows, columns, input_ids=ids, use_cache=False)


@tried_once
def reads_positions(model: PreTrainedModel) -> bool:
    """Whether logits follow the positions that a pass is given. Rounding may hide how much, never that they do."""
    ids = torch.arange(8, device=model.device).unsqueeze(0) % vocabulary_size(model)
    rows, columns = torch.tensor([0], device=model.device), torch.tensor([7], device=model.device)
    places = torch.arange(8, device=model.device).unsqueeze(0)
    near, far = (logits_at(model, rows, columns, input_ids=ids, position_ids=at) for at in (places, 2 * places))
    return not torch.equal(near, far)


def differ_by_rounding(first: Tensor, second: Tensor, dtype: torch.dtype) -> bool:
    """Whether two computations in `dtype` of the same logits [rows, vocabulary] differ by no more than rounding.

    Measured is the root mean square of the difference, in standard deviations of a row's logits: rounding stays below
    0.003 in half precision (135M parameters), a token at a wrong position moves it by about 1.
    """
    moved = (first - second).square().mean(1).sqrt() / second.std(1)
    return bool((moved < (1e-3 if dtype == torch.float32 else 0.05)).all())


def token_logprobs(logits: Tensor, targets: Tensor, at: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Log-probability [n] of each target, in fp32, and whether it is the argmax [n], from logits [n, vocabulary]; of
    fewer logits, `at` says which are each target's."""
    at = torch.arange(len(targets), device=targets.device) if at is None else at
    return logits[at, targets] - logits.logsumexp(1)[at], logits.argmax(1)[at] == targets


def batches(
    lengths: Sequence[int], *, slots: int = SLOTS, reads: Sequence[int] | None = None, vocabulary: int = 0
) -> list[list[int]]:
    """Indices of `lengths`, longest first, in batches of at most `slots` slots and as many logits as those may have.

    `reads` is the number of read positions of each item. An item that is too large by itself makes its own batch.
    """
    logits = most_logits(slots)
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    result: list[list[int]] = []
    longest = read = 0
    for index in order:
        read += reads[index] if reads is not None else 0
        if not result or (len(result[-1]) + 1) * longest > slots or read * vocabulary > logits:
            result.append([])
            longest, read = lengths[index], reads[index] if reads is not None else 0
        result[-1].append(index)
    return result


def most_logits(slots: int) -> int:
    """Logits of one pass of at most so many slots: more slots than usual may read as many more."""
    return LOGITS * max(1, slots // SLOTS)


def vocabulary_size(model: PreTrainedModel) -> int:
    """Columns of the model's logits."""
    return int(model.config.get_text_config().vocab_size)


def padded(rows: Sequence[Sequence[int]], *, fill: int, left: bool = False) -> Tensor:
    """Rows of ids as one tensor [rows, longest], filled up on one side."""
    longest = max(map(len, rows))
    table = [
        [fill] * (longest - len(row)) + list(row) if left else list(row) + [fill] * (longest - len(row)) for row in rows
    ]
    return torch.tensor(table, dtype=torch.long)
