"""Files beside trained weights, so that plain transformers loads and uses them as it does the base.

Contract: `config.json` has the base's own flags, whatever a trainer switched on in the model; the tokenizer is the
base's, with the template that the subject was trained and is asked in; generation stops where an answer ended in
training, and has the base's settings otherwise.
"""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, GenerationConfig

from bench.data.render.render import make_renderer
from bench.model.finite import is_finite
from bench.model.loading.load import load_config, runs_code
from bench.suite.catalog.template import TOKENIZER
from bench.suite.resolved import ResolvedModel
from bench.train.training_data import UNCUT

_GENERATION = "generation_config.json"


def save_companions(model: ResolvedModel, folder: Path) -> None:
    """Writes tokenizer, chat template and generation config of `model` into `folder`, beside its trained weights."""
    tokenizer = AutoTokenizer.from_pretrained(model.path, local_files_only=True, trust_remote_code=runs_code(model))
    renderer = make_renderer(tokenizer, model, UNCUT)
    if renderer.template.name != TOKENIZER:
        tokenizer.chat_template = renderer.template.text
    tokenizer.save_pretrained(folder)
    settings = _generation_settings(model)
    settings["eos_token_id"] = _with(settings.get("eos_token_id"), renderer.stop_ids)
    (folder / _GENERATION).write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def save_model(
    base: ResolvedModel, model: Any, folder: Path, dtype: torch.dtype, state: dict[str, torch.Tensor] | None = None
) -> None:
    """Writes a whole model in `dtype`, with the base's configuration. `state`: its weights, where `model` has them not.

    The generation config is left to `save_companions`: transformers refuses to save some that bases come with.
    """
    model.generation_config = GenerationConfig()
    model.save_pretrained(folder, state_dict=in_dtype(model.state_dict() if state is None else state, dtype))
    _save_config(base, model.config, folder, dtype)


def in_dtype(state: dict[str, torch.Tensor], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Floating-point weights in `dtype`; tied ones stay tied, and a tensor that would overflow keeps its type."""
    cast: dict[tuple[int, tuple[int, ...]], torch.Tensor] = {}
    for value in state.values():
        cast.setdefault((value.data_ptr(), tuple(value.shape)), _cast(value, dtype))
    return {name: cast[value.data_ptr(), tuple(value.shape)] for name, value in state.items()}


def _cast(value: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    if not value.is_floating_point() or value.dtype == dtype:
        return value
    narrow = value.to(dtype)
    return narrow if is_finite(narrow) or not is_finite(value) else value


def _save_config(base: ResolvedModel, trained: Any, folder: Path, dtype: torch.dtype) -> None:
    """Writes the base's configuration for weights of type `dtype`. Of the model's own, `trained`, the files of its code
    are kept, and whether its embeddings are tied."""
    config = load_config(base)
    config.dtype = dtype
    config.tie_word_embeddings = trained.tie_word_embeddings
    if getattr(trained, "auto_map", None):
        config.auto_map = trained.auto_map
    config.save_pretrained(folder)


def _generation_settings(model: ResolvedModel) -> dict[str, Any]:
    """The base's settings as they are written: to read and save them as an object would refuse some that work."""
    path = Path(model.path) / _GENERATION
    if path.is_file():
        settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return settings
    return dict(GenerationConfig.from_model_config(load_config(model)).to_diff_dict())


def _with(stored: int | list[int] | None, added: tuple[int, ...] | list[int]) -> int | list[int]:
    """The token ids of both, each once; a single one by itself."""
    before = [] if stored is None else [stored] if isinstance(stored, int) else stored
    ids = list(dict.fromkeys([*before, *added]))
    return ids[0] if len(ids) == 1 else ids
