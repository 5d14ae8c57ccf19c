"""Whether a decoder in C++ gives its model's logits, found out by trial.

Contract: a decoder is used only for a model of a kind in which it was seen to give the logits of whole rows, by a table
and by a tree.
"""

from weakref import WeakKeyDictionary

import torch
from transformers import PreTrainedModel

from bench.model.forward import differ_by_rounding, vocabulary_size
from bench.model.native.decoder import NativeDecoder, native_decoder
from bench.model.native.library import lanes
from bench.model.native.token_tree import TokenTree
from bench.model.trials import tried_once
from bench.model.whole_rows import keeps_whole_rows, whole_logits

_DECODERS: WeakKeyDictionary[PreTrainedModel, NativeDecoder | None] = WeakKeyDictionary()


def native(model: PreTrainedModel) -> NativeDecoder | None:
    """The model's decoder in C++, if it has one that was seen to give the logits of such a model."""
    if model not in _DECODERS:
        decoder = native_decoder(model)
        _DECODERS[model] = decoder if decoder is not None and _gives_whole_rows(model) else None
    return _DECODERS[model]


@tried_once
@torch.inference_mode()
def _gives_whole_rows(model: PreTrainedModel) -> bool | None:
    """Tries rows of unequal length, two of which begin alike; `None` where the model's own logits are not finite."""
    decoder = native_decoder(model)
    if decoder is None or not keeps_whole_rows(model):
        return False
    draw = torch.randint(0, vocabulary_size(model), (16,), generator=torch.Generator().manual_seed(0)).tolist()
    rows = sorted([tuple(draw[:9]), (*draw[:6], *draw[9:14]), tuple(draw[9:14])])
    whole = torch.stack([whole_logits(model, [*row, draw[14]], 2, torch.float32) for row in rows])
    if not whole.isfinite().all():
        return None
    before, behind = whole.unbind(1)
    tree = TokenTree(lanes())
    ends = [tree.add(row)[-1] for row in rows]
    lengths = [len(row) for row in rows]
    table, places = decoder.table(places=3, width=12), [place for place, row in enumerate(rows) for _ in row]
    positions = [position for length in lengths for position in range(length)]
    last = [sum(lengths[: place + 1]) - 1 for place in range(3)]
    first = decoder.logits(table, [token for row in rows for token in row], places, positions, last)
    later = decoder.logits(table, [draw[14]] * 3, range(3), lengths, range(3))
    found = ((decoder.tree_logits(tree, ends), before), (first, before), (later, behind))
    return all(differ_by_rounding(logits, expected, torch.float32) for logits, expected in found)
