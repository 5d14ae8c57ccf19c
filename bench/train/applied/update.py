"""What a tuned model's matrices differ by from its base's: norm and effective rank by layer group.

Method: matrices are compared by name, as loaded, so that what merging and rounding made of an update is what counts.
The effective rank of a difference is the participation ratio of its squared singular values, (Σσ²)² / Σσ⁴; the sum of
fourth powers is exact from the Gram matrix of the smaller side, and of large matrices an unbiased estimate from random
vectors z: E‖ΔΔᵀz‖² (Hutchinson 1990). Of a group with many matrices that changed, some have their rank computed, evenly
spread.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.record.results.training.applied import LayerGroup
from bench.suite.checks.models.weights_files import tensors_of
from bench.suite.peft_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS, EMBEDDING_MODULES

_LAYER = re.compile(r"\.(\d+)\.")
_EXACT_SIDE = 1024
"""Smaller side of a matrix up to which its Gram matrix is computed."""
_GROUPS = 4
"""Groups of rows of a Gram matrix, of whose products 5/8 are computed; more would be of few rows each."""
_RANKED = 12
"""Matrices of a group whose rank is computed."""
_VECTORS = 32
_AT_ONCE = 1 << 16
"""Numbers that are squared and summed at once: what is made of all of a matrix would leave the processor's cache."""
_PEFT_PREFIX = "base_model.model."


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixChange:
    """One matrix beside the base's."""

    name: str
    square: float
    """Squared Frobenius norm of the difference."""
    base_square: float
    effective_rank: float | None = None
    """`None`: it did not change, or others stand for it."""


@torch.no_grad()
def matrix_changes(subject: Any, base: Any) -> tuple[MatrixChange, ...]:
    """Each matrix of the base with its difference; empty where the subject has its matrices under other names. A head
    that is the base's embeddings counts where the subject has one of its own."""
    tuned = dict(subject.named_parameters())
    once = dict(base.named_parameters())
    named = base.named_parameters(remove_duplicate=False)
    matrices = {name: tensor for name, tensor in named if tensor.ndim > 1 and (name in once or name in tuned)}
    if any(name not in tuned or tuned[name].shape != tensor.shape for name, tensor in matrices.items()):
        return ()
    changes = tuple(_change(name, tuned[name], tensor) for name, tensor in matrices.items())
    ranked = {change.name for group in _groups(changes).values() for change in _spread(group)}
    return tuple(
        replace(change, effective_rank=_effective_rank(tuned[change.name], matrices[change.name]))
        if change.name in ranked
        else change
        for change in changes
    )


def expected_matrices(folder: Path, changes: Sequence[MatrixChange], *, own: bool) -> frozenset[str]:
    """Names of the matrices that the weights in `folder` were to change: those of an adapter; of a whole model all, or,
    where it was trained elsewhere (not `own`), those of each kind that changed anywhere: its training may have been of
    some kinds alone."""
    names = frozenset(change.name for change in changes)
    if (folder / ADAPTER_CONFIG).is_file():
        return names & _adapted(folder)
    changed = {_kind(change.name) for change in changes if change.square}
    return names if own or not changed else frozenset(name for name in names if _kind(name) in changed)


def _adapted(folder: Path) -> frozenset[str]:
    """Matrices that an adapter's tensors are of, without those that PEFT saved beside it as they were: embeddings whose
    vocabulary may have been resized."""
    config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    trained = frozenset(config.get("modules_to_save") or ())
    stored = [name.removeprefix(_PEFT_PREFIX).split(".") for name in tensors_of(folder / ADAPTER_WEIGHTS)]
    beside = frozenset(EMBEDDING_MODULES) - trained
    copies = {".".join(parts) for parts in stored if beside.intersection(parts[-2:-1])}
    places = {".".join([*parts[:end], "weight"]) for parts in stored for end in range(1, len(parts))}
    return frozenset(places - copies)


def _kind(name: str) -> str:
    """The name without the number of its layer."""
    return _LAYER.sub(".", name, count=1)


def layer_groups(changes: Sequence[MatrixChange]) -> tuple[LayerGroup, ...]:
    """The changes by kind of matrix and third of the depth, in the model's order."""
    return tuple(_layer_group(name, members) for name, members in _groups(changes).items())


def norms(changes: Sequence[MatrixChange]) -> tuple[float, float]:
    """Frobenius norm of all differences, and its ratio to the norm of the base's matrices."""
    norm = math.sqrt(math.fsum(change.square for change in changes))
    base = math.sqrt(math.fsum(change.base_square for change in changes))
    return norm, norm / base if base else 0.0


def _groups(changes: Sequence[MatrixChange]) -> dict[str, list[MatrixChange]]:
    layers = 1 + max((int(match[1]) for change in changes if (match := _LAYER.search(change.name))), default=0)
    groups: dict[str, list[MatrixChange]] = {}
    for change in changes:
        groups.setdefault(_group(change.name, layers), []).append(change)
    return groups


def _spread(group: Sequence[MatrixChange]) -> list[MatrixChange]:
    """Up to `_RANKED` of the matrices that changed."""
    changed = [change for change in group if change.square]
    count = min(len(changed), _RANKED)
    return [changed[place * len(changed) // count] for place in range(count)]


def _change(name: str, tuned: Tensor, untuned: Tensor) -> MatrixChange:
    """Summed in fp64: squares of what diverged have no room in fp32."""
    square = base_square = 0.0
    for after, before in zip(_parts(tuned), _parts(untuned.to(tuned.device)), strict=True):
        wide = before.double()
        base_square += float(wide.dot(wide))
        if not torch.equal(after, before):
            wide = after.double().sub_(wide)
            square += float(wide.dot(wide))
    return MatrixChange(name=name, square=square, base_square=base_square)


def _parts(values: Tensor) -> tuple[Tensor, ...]:
    return torch.split(values.flatten(), _AT_ONCE)


def _unit(tuned: Tensor, untuned: Tensor) -> Tensor:
    """Difference [rows, columns] in fp32, of norm one."""
    difference = (tuned.float() - untuned.to(tuned.device).float()).flatten(0, -2)
    difference /= torch.stack(difference.aminmax()).abs().max()
    return difference.div_(math.sqrt(_square(difference)))


def _square(values: Tensor) -> float:
    """Sum of squares, in fp32 within a part."""
    return math.fsum(float(part.dot(part)) for part in _parts(values))


def _effective_rank(tuned: Tensor, untuned: Tensor) -> float:
    """Effective rank of the difference."""
    unit = _unit(tuned, untuned)
    small = unit if unit.shape[0] <= unit.shape[1] else unit.T
    if small.shape[0] <= _EXACT_SIDE:
        fourth = _gram_square(small)
    else:
        generator = torch.Generator().manual_seed(0)
        vectors = torch.randn(small.shape[0], _VECTORS, generator=generator).to(small.device)
        fourth = float((small @ (small.T @ vectors)).square().sum(dtype=torch.float64)) / _VECTORS
    return min(float(min(unit.shape)), 1.0 / fourth)


def _gram_square(small: Tensor) -> float:
    """Sum of the squares of the Gram matrix of the rows. It is symmetric: of what is beside its diagonal one half is
    computed, by groups of rows."""
    rows = -(-small.shape[0] // _GROUPS)
    beside = [(group, small[: rows * place]) for place, group in enumerate(torch.split(small, rows))]
    halves = math.fsum(_square(group @ before.T) for group, before in beside)
    return 2 * halves + math.fsum(_square(group @ group.T) for group, _ in beside)


def _layer_group(name: str, members: Sequence[MatrixChange]) -> LayerGroup:
    ranks = [change.effective_rank for change in members if change.effective_rank is not None]
    norm, relative = norms(members)
    return LayerGroup(
        name=name,
        matrices=len(members),
        changed=sum(bool(change.square) for change in members),
        norm=norm,
        relative_norm=relative,
        effective_rank=math.fsum(ranks) / len(ranks) if ranks else None,
    )


def _group(name: str, layers: int) -> str:
    match = _LAYER.search(name)
    if match is None:
        return "embeddings and head"
    kind = "attention" if "attn" in name or "attention" in name else "feed-forward"
    third = 3 * int(match[1]) // layers
    first, last = -(-third * layers // 3), -(-(third + 1) * layers // 3) - 1
    return f"{kind}, " + (f"layer {first}" if first == last else f"layers {first} to {last}")
