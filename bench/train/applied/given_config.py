"""Whether the configuration of a whole model from elsewhere computes with its weights what the base computes with its
own.

Contract: both models are built without weights. What has other matrices is refused; what computes otherwise with
matrices of the same shapes, such as another number of heads or another rotary base, is reported.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.errors import InputError, Problem
from bench.model.loading.load import load_config, load_skeleton
from bench.model.transformers_private import ATTENTION_KEY, NAME_KEY
from bench.suite.resolved import ResolvedModel

_SILENT = frozenset(
    {
        NAME_KEY, "architectures", "dtype", "torch_dtype", "transformers_version", "use_cache", "id2label",
        "label2id", "initializer_range", "pretraining_tp", "bos_token_id", "eos_token_id", "pad_token_id",
        "tie_word_embeddings", "auto_map", ATTENTION_KEY, "output_attentions", "output_hidden_states",
        "return_dict", "problem_type", "chunk_size_feed_forward", "output_router_logits", "router_aux_loss_coef",
    }
)  # fmt: skip
"""Keys that change no likelihood of a model that is not trained on; what ties matrices shows in the matrices."""
_SHOWN = 3


def config_problems(model: ResolvedModel, folder: Path, source: str) -> Iterator[Problem]:
    """Matrices of the model that its configuration describes, beside those of the base."""
    try:
        own, expected = _shapes(_beside(model, folder)), _shapes(model)
    except InputError as error:
        yield from error.problems
        return
    except (ValueError, KeyError, TypeError, RuntimeError, OSError) as error:
        what = f"transformers cannot read its config.json: {str(error).splitlines()[0]}"
        yield _problem(what, source)
        return
    apart = [name for name in {**own, **expected} if own.get(name) != expected.get(name)]
    if apart:
        described = f"{len(own)} tensors, not the {len(expected)} of {model.name}"
        if len(own) == len(expected):
            described = f"{len(apart)} tensors of other shapes or names than {model.name} has"
        yield _problem(f"its config.json describes {described}, such as {apart[0]}", source)


def config_notes(model: ResolvedModel, folder: Path) -> Iterator[str]:
    """Keys by which its configuration computes otherwise than the base's; it is evaluated by its own."""
    own, base = (_flat(load_config(one).to_dict()) for one in (_beside(model, folder), model))
    apart = sorted(key for key in {**own, **base} if own.get(key) != base.get(key))
    if apart:
        more = f" and {len(apart) - _SHOWN} more" if len(apart) > _SHOWN else ""
        listed = ", ".join(f"{key} {own.get(key)} for {base.get(key)}" for key in apart[:_SHOWN])
        yield f"its config.json differs from the base's, and it is evaluated by its own: {listed}{more}"


def _beside(model: ResolvedModel, folder: Path) -> ResolvedModel:
    return model.model_copy(update={"path": str(folder)})


def _shapes(model: ResolvedModel) -> dict[str, tuple[int, ...]]:
    """By name; of tied matrices, the first."""
    skeleton = load_skeleton(model)
    head = skeleton.get_output_embeddings()
    ends = () if head is None else (head.weight,)
    return {
        name: tuple(tensor.shape)
        for name, tensor in skeleton.named_parameters()
        if not any(tensor is end for end in ends) or tensor is skeleton.get_input_embeddings().weight
    }


def _flat(table: dict[str, Any], place: str = "") -> dict[str, Any]:
    """Keys of nested tables with their path."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if key in _SILENT:
            continue
        flat |= _flat(value, f"{place}{key}.") if isinstance(value, dict) else {f"{place}{key}": value}
    return flat


def _problem(what: str, source: str) -> Problem:
    hint = "copy the config.json of the folder that was trained; another base has to be named as the suite's model"
    return Problem(reference="given.unfit", what=what, where=source, hint=hint)
