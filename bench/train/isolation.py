"""Whether rows that share a packed sequence are blind to each other in this model, seen before training starts.

An attention implementation that ignores or misreads the mask would train on other contexts than planned, with a
normal-looking loss.
"""

from __future__ import annotations

import torch

from bench.errors import InputError, Problem
from bench.model.head import TOLERANCES
from bench.train.batches.collate import collate, model_inputs
from bench.train.batches.encoded_row import PackedRow


def check_isolation(model: torch.nn.Module, sequence: PackedRow, pad_token_id: int, device: torch.device) -> None:
    """Raises `InputError` unless the logits of each row of `sequence` are those that it has alone."""
    training = model.training
    model.eval()
    try:
        together = _logits(model, sequence, pad_token_id, device, packed=True)
        alone = torch.cat([_logits(model, (row,), pad_token_id, device, packed=False) for row in sequence])
    finally:
        model.train(training)
    tolerance = TOLERANCES[together.dtype]
    if not torch.allclose(together, alone, rtol=tolerance, atol=tolerance):
        raise InputError(
            Problem(
                reference="recipe.packing",
                what="in this model, rows that are packed into one sequence see each other",
                where="recipe.*.packing",
                hint='use packing = "none", with group_by_length = true against padding',
            )
        )


@torch.no_grad()
def _logits(
    model: torch.nn.Module, sequence: PackedRow, pad_token_id: int, device: torch.device, *, packed: bool
) -> torch.Tensor:
    """Logits of one sequence, shape `(tokens, vocabulary)`."""
    inputs = model_inputs(collate((sequence,), pad_token_id, packed=packed))
    placed = {name: value.to(device) if torch.is_tensor(value) else value for name, value in inputs.items()}
    logits: torch.Tensor = model(**placed).logits
    return logits[0]
