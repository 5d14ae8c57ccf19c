"""One subject held against its base: its matrices, its next tokens, and its loss both ways.

Contract: both are loaded as evals load them, once each, and compute as evals do: with packed weights, in C++ where they
have that. Where there is no memory for the two, nothing is measured.
"""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerBase

from bench.errors import InputError, Problem
from bench.machine.device import pick_device
from bench.machine.freed_memory import give_back_freed
from bench.model.drift import drift, has_room
from bench.model.finite import is_finite
from bench.model.loading.load import PlainBase, load_base, load_tokenizer, load_tuned
from bench.model.loading.packed_linear import pack_linears
from bench.model.loading.prefix import unused_positions
from bench.model.row_loss import all_predicted, loss_of
from bench.record.results.training.applied import Applied, WeightsCheck
from bench.suite.resolved import ResolvedModel, ResolvedWeights
from bench.train.applied.questions import question_ids
from bench.train.applied.update import MatrixChange, expected_matrices, layer_groups, matrix_changes, norms

_NAMED = 3
_LOSS_ROWS = 8
"""Questions that an adapter's loss is taken over."""


def measure(folder: Path, rows: Sequence[Sequence[int]], *, subject: Any, base: Any, own: bool = True) -> Applied:
    """What `subject`, loaded from `folder`, changes of `base`, and of its next tokens on `rows` of token ids. Packs
    both. own: its training is the suite's own."""
    started = time.perf_counter()
    changes = matrix_changes(subject, base)
    for model in (subject, base):
        pack_linears(model)
    give_back_freed(circles=False)
    moved = drift(subject, base, rows)
    norm, relative = norms(changes) if changes else (None, None)
    expected = expected_matrices(folder, changes, own=own)
    idle = _without_effect(changes, expected)
    return Applied(
        groups=layer_groups(changes),
        norm=norm,
        relative_norm=relative,
        expected=len(expected),
        without_effect=len(idle),
        such_as=tuple(idle[:_NAMED]),
        kl=moved.kl,
        changed_top=moved.changed_top,
        rows=len(rows),
        positions=moved.positions,
        seconds=time.perf_counter() - started,
    )


def questions_of(subject: Any, tokenizer: PreTrainedTokenizerBase, model: ResolvedModel) -> list[list[int]]:
    """Token ids of the questions, within the positions that `subject`, which is made of `model`, has for text."""
    return question_ids(tokenizer, model, model.context_length - unused_positions(subject))


def measure_given(
    model: ResolvedModel, weights: ResolvedWeights, plain: PlainBase
) -> tuple[Applied, WeightsCheck | None] | None:
    """What weights from elsewhere change of the base; of an adapter also its loss in the layers and merged. `None`
    where there is not enough memory. Raises `InputError` for numbers that are not finite."""
    folder, device = Path(weights.path), pick_device()
    try:
        base = load_base(model, precision="auto", device=device, plain=plain)
        if not has_room(base):
            return None
        subject = load_tuned(model, folder, precision="auto", device=device, plain=plain)
        if (broken := _not_finite(subject)) is not None:
            what = f"it holds numbers that are not finite, such as in {broken}: its training diverged, or saving failed"
            hint = "give an earlier checkpoint of that training"
            raise InputError(Problem(reference="given.not-finite", what=what, where=weights.source, hint=hint))
        rows = questions_of(subject, load_tokenizer(model), model)
        applied = measure(folder, rows, subject=subject, base=base, own=False)
        if weights.form != "adapter":
            return applied, None
        asked = [all_predicted(ids) for ids in rows[:_LOSS_ROWS]]
        evaluated, untouched = loss_of(subject, asked), loss_of(base, asked)
        del subject, base
        plain_base = load_base(model, precision="auto", device=device, plain=plain)
        in_layers = PeftModel.from_pretrained(plain_base, folder, use_safetensors=True).eval()
        return applied, WeightsCheck(as_trained=loss_of(in_layers, asked), as_evaluated=evaluated, base=untouched)
    except (torch.OutOfMemoryError, MemoryError):
        return None


def _not_finite(subject: Any) -> str | None:
    """Name of the first tensor with a number that is not finite."""
    return next((name for name, tensor in subject.named_parameters() if not is_finite(tensor)), None)


def _without_effect(changes: Sequence[MatrixChange], expected: Iterable[str]) -> list[str]:
    names = frozenset(expected)
    return [change.name for change in changes if change.name in names and not change.square]
