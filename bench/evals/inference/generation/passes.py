"""What a continuous batch asks of a model, and by which passes a model answers.

Contract: passes over a table are used only for a model in which they were seen to give the logits of whole rows.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bench.evals.inference.generation.layer_passes import LayerPasses
from bench.evals.inference.generation.native_passes import NativePasses
from bench.evals.inference.pass_counts import uncounted
from bench.model.forward import differ_by_rounding, vocabulary_size
from bench.model.native_trial import native
from bench.model.trials import tried_once
from bench.model.whole_rows import keeps_whole_rows, whole_logits


class Passes(Protocol):
    """Passes over the rows in work, which have the first places of a table."""

    pads: bool
    """Whether rows of one pass are padded to the longest."""
    dtype: torch.dtype
    """Type of the numbers between one product and the next."""

    @property
    def room(self) -> tuple[int, int]:
        """Places of the table, and their width."""

    def make_room(self, *, places: int, width: int, rows: int) -> None:
        """Changes the table's shape; the first `rows` rows stay."""

    def prefix(self, ids: Sequence[int]) -> Any:
        """What `prefill` takes for tokens that rows begin with; its `ids` are these."""

    def prefill(self, rests: Sequence[Sequence[int]], places: Sequence[int], prefix: Any) -> Tensor:
        """Logits [rows, vocabulary] behind the prefix and each row's rest, which are written into its place."""

    def decode(self, tokens: Sequence[int], lengths: Sequence[int]) -> Tensor:
        """Logits [rows, vocabulary] behind one more token of each of the first rows, which have `lengths` so far."""

    def move(self, source: int, target: int) -> None:
        """Moves the row of one place to another."""

    def clear(self, place: int) -> None:
        """Forgets a row whose numbers are not finite."""


@tried_once
def fits_table(model: PreTrainedModel) -> bool:
    """Whether the model's keys and values can be kept in a table."""
    return keeps_whole_rows(model) and gives_whole_rows(LayerPasses(model), model)


def table_passes(model: PreTrainedModel) -> Passes | None:
    """New passes over an empty table; `None` for a model that cannot have one."""
    decoder = native(model)
    if decoder is not None:
        return NativePasses(model, decoder)
    return LayerPasses(model) if fits_table(model) else None


def answer_type(model: PreTrainedModel) -> torch.dtype:
    """Type of the numbers between the products of the model's answers."""
    return model.dtype if native(model) is None else NativePasses.dtype


@torch.inference_mode()
def gives_whole_rows(passes: Passes, model: PreTrainedModel) -> bool:
    """Tries rows of unequal length, alone and behind a prefix, each with one more token, against the whole rows."""
    draw = torch.randint(0, vocabulary_size(model), (16,), generator=torch.Generator().manual_seed(0)).tolist()
    start, rests, tokens = draw[:6], [draw[6:9], draw[9:14]], draw[14:]
    try:
        with uncounted(model):
            passes.make_room(places=4, width=12, rows=0)
            behind = passes.prefill(rests, [0, 1], passes.prefix(start))
            alone = passes.prefill([rests[1]], [2], passes.prefix([]))
            later = passes.decode([*tokens, tokens[0]], [9, 11, 5])
        rows = [[*start, *rest, token] for rest, token in zip(rests, tokens, strict=True)]
        whole = [whole_logits(model, row, 2, passes.dtype) for row in [*rows, [*rests[1], tokens[0]]]]
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return False
    first, second = torch.stack(whole).unbind(1)
    return all(
        differ_by_rounding(logits, expected, passes.dtype)
        for logits, expected in ((torch.cat([behind, alone]), first), (later, second))
    )
