"""How a model keeps rows apart that share a packed sequence, seen before training starts.

Contract: a packed row has the logits that it has alone, or packing is refused with what was seen: an attention that
ignores or misreads positions and mask, or a layer that carries its state on, would train on other contexts than
planned, with a normal-looking loss. `row_separation` tries a small random copy of the architecture, with each kind of
its layers, a short window, and rows that are longer than it; `check_isolation` the model itself on its own rows.
"""

from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from bench.errors import InputError, Problem
from bench.model.head import TOLERANCES
from bench.model.loading.load import load_config, runs_code
from bench.model.windows import WINDOWS
from bench.suite.resolved import ResolvedModel
from bench.train.batches.collate import RowSeparation, collate, model_inputs
from bench.train.batches.encoded_row import EncodedRow, PackedRow

PACKING = "recipe.packing"
"""Reference of the refusal, which is the architecture's and not the suite's: arms on other models may pack."""
SEPARATIONS: tuple[RowSeparation, ...] = ("positions", "positions and mask")
"""In the order in which they are tried."""

_SHORT_WINDOW = 4
_PROBE_LENGTHS = (12, 9)
"""Tokens of the rows of the small copy."""
_SMALL_VOCABULARY = 128


def row_separation(model: ResolvedModel) -> RowSeparation:
    """The input by which this architecture keeps packed rows apart. Raises `InputError` if neither does."""
    copy = small_copy(load_config(model), trusted=runs_code(model))
    reasons = []
    for separation in SEPARATIONS:
        reason = _difference(copy, _probe_rows(), 0, torch.device("cpu"), separation)
        if reason is None:
            return separation
        reasons.append(reason)
    by_positions, by_mask = reasons
    raise _refused(
        f"{type(copy).__name__} cannot train on packed rows: given where each row begins (position_ids), "
        f"{by_positions}; given a mask of the rows as well, {'too' if by_mask == by_positions else by_mask}"
    )


def check_isolation(
    model: torch.nn.Module, sequence: PackedRow, pad_token_id: int, *, device: torch.device, separation: RowSeparation
) -> None:
    """Raises `InputError` unless the logits of each row of `sequence` are those that the row has alone."""
    reason = _difference(model, sequence, pad_token_id, device, separation)
    if reason is not None:
        raise _refused(f"this model cannot train on packed rows: {reason}")


def _difference(
    model: torch.nn.Module, sequence: PackedRow, pad_token_id: int, device: torch.device, separation: RowSeparation
) -> str | None:
    """Why packed rows are not what they are alone; `None` if they are."""
    training = model.training
    model.eval()
    try:
        together = _logits(model, sequence, pad_token_id, device, separation)
        alone = torch.cat([_logits(model, (row,), pad_token_id, device, None) for row in sequence])
        if _equal(together, alone):
            return None
        first, *others = sequence
        changed = _logits(model, (_other_tokens(first), *others), pad_token_id, device, separation)
    except Exception as error:  # whatever an architecture raises that does not know these inputs
        return f"its forward pass fails on them ({type(error).__name__}: {_first_line(error)})"
    finally:
        model.train(training)
    if not _equal(changed[first.tokens :], together[first.tokens :]):
        return "rows that are packed into one sequence see each other"
    return "a packed row is computed otherwise than alone"


def _equal(left: torch.Tensor, right: torch.Tensor) -> bool:
    tolerance = TOLERANCES[left.dtype]
    return torch.allclose(left, right, rtol=tolerance, atol=tolerance)


def _other_tokens(row: EncodedRow) -> EncodedRow:
    """A row of the same length with its tokens in another order."""
    ids = np.roll(row.ids, 1)[::-1].copy()
    return EncodedRow(rows=row.rows, ids=ids, labels=ids, supervised_tokens=row.supervised_tokens, truncated=False)


@torch.no_grad()
def _logits(
    model: torch.nn.Module,
    sequence: PackedRow,
    pad_token_id: int,
    device: torch.device,
    separation: RowSeparation | None,
) -> torch.Tensor:
    """Logits of one sequence, shape `(tokens, vocabulary)`."""
    inputs = model_inputs(collate((sequence,), pad_token_id, separation))
    placed = {name: value.to(device) if torch.is_tensor(value) else value for name, value in inputs.items()}
    logits: torch.Tensor = model(**placed).logits
    return logits[0]


# --- the small copy ---------------------------------------------------------------------------------------------------


def _probe_rows() -> PackedRow:
    generator = np.random.default_rng(0)
    rows = []
    for index, tokens in enumerate(_PROBE_LENGTHS):
        ids = generator.integers(2, _SMALL_VOCABULARY, size=tokens).astype(np.int32)
        rows.append(EncodedRow(rows=(index,), ids=ids, labels=ids, supervised_tokens=tokens - 1, truncated=False))
    return tuple(rows)


def small_copy(config: PretrainedConfig, *, trusted: bool) -> PreTrainedModel:
    """A model of this architecture with a layer of each kind, a short window and random weights of a fair size."""
    layers = _one_layer_of_each_kind(config.get_text_config())
    for prepare in (_shorten_vocabulary, _keep_vocabulary):
        small = type(config).from_dict(config.to_dict())
        text = small.get_text_config()
        _keep_layers(text, layers)
        _shorten_windows(text)
        prepare(text)
        try:
            return _random_model(small, trusted=trusted)
        except Exception as error:  # a configuration that allows no change of these
            failure = error
    raise _refused(f"whether its packed rows see each other cannot be tried: {_first_line(failure)}") from failure


def _random_model(config: PretrainedConfig, *, trusted: bool) -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: PreTrainedModel = AutoModelForCausalLM.from_config(
            config, trust_remote_code=trusted, dtype=torch.float32
        )
        for parameter in model.parameters():
            if parameter.dim() >= 2:  # as they are drawn, what a row sees hardly shows in its logits
                torch.nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
    return model.eval()


def _one_layer_of_each_kind(config: Any) -> list[int]:
    """Indices of the first layer of each kind; the first two layers where kinds have no names."""
    kinds = getattr(config, "layer_types", None)
    if not kinds:
        return list(range(min(2, config.num_hidden_layers)))
    return sorted({kind: index for index, kind in reversed(list(enumerate(kinds)))}.values())


def _keep_layers(config: Any, layers: list[int]) -> None:
    """Keeps these layers, in every list of layers or blocks that has an entry for each."""
    count = config.num_hidden_layers
    for name, value in config.to_dict().items():
        of_layers = isinstance(value, list) and len(value) == count and ("layer" in name or "block" in name)
        if of_layers and hasattr(config, name):
            setattr(config, name, [value[index] for index in layers])
    config.num_hidden_layers = len(layers)


def _shorten_windows(config: Any) -> None:
    for name in WINDOWS:
        if isinstance(getattr(config, name, None), int):
            setattr(config, name, min(_SHORT_WINDOW, getattr(config, name)))


def _shorten_vocabulary(config: Any) -> None:
    """Embeddings are the largest matrices of a small copy, and no matter here."""
    config.vocab_size = min(config.vocab_size, _SMALL_VOCABULARY)
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        setattr(config, name, 0)


def _keep_vocabulary(config: Any) -> None:
    """Leaves the configuration as it is."""


def _first_line(error: Exception) -> str:
    return (str(error).strip() or "no message").splitlines()[0]


def _refused(what: str) -> InputError:
    return InputError(
        Problem(
            reference=PACKING,
            what=what,
            where="recipe.*.packing",
            hint='use packing = "none", with group_by_length = true against padding',
        )
    )
