"""Whether a local folder is a model that can be loaded, found out without loading it.

Contract: reads names, the two JSON files and the header of each weights file; a folder that passes has a config, a
tokenizer and whole safetensors, and no adapter that would load weights from elsewhere. Suites are checked by this, and
models of the hub once they are here.
"""

import json
import math
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.errors import InputError, Problem, collected
from bench.suite.checks.models.weights_files import (
    WEIGHTS_FILE,
    WEIGHTS_INDEX,
    is_whole,
    shards,
    tensors_of,
    weights_files,
)
from bench.suite.peft_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from bench.suite.tables.arms.weights_form import GGUF, WeightsForm

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
"""Any of these is a tokenizer."""
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_GGUF_START = b"GGUF"
_CONVERT = (
    'python -c "import torch, safetensors.torch as s; s.save_file({{k: v.contiguous() for k, v in '
    "torch.load('{file}', weights_only=True).items()}}, 'adapter_model.safetensors')\""
)
_CONVERT_MODEL = (
    'python -c "from transformers import AutoModelForCausalLM as M; '
    "M.from_pretrained('.', dtype='auto').save_pretrained('.')\""
)
_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length", "context_length")


def model_folder_problems(folder: Path, where: str) -> list[Problem]:
    """All that is wrong with `folder`; `where` is the key that names it."""
    if not folder.is_dir():
        what = f"there is no folder {folder}" if not folder.exists() else f"{folder} is a file, not a model's folder"
        return [Problem(reference="model.missing", what=what, where=where, hint="name a folder that holds config.json")]
    problems: list[Problem] = []
    for check in (_config, _weights, _tokenizer, _adapter):
        with collected(problems):
            check(folder, where)
    return problems


def given_problems(folder: Path, form: WeightsForm, where: str) -> list[Problem]:
    """All that is wrong with a folder of weights that were trained elsewhere. A tokenizer is not needed: prompts are
    tokenised as the base's are."""
    if folder.is_file() and folder.suffix == GGUF:
        return list(_gguf_problems(folder, form, where))
    if not folder.is_dir():
        what = f"there is no folder {folder}" if not folder.exists() else f"{folder} is a file, not a folder of weights"
        hint = "name the folder that the other trainer saved, relative to the suite file, or a hub id"
        return [Problem(reference="given.missing", what=what, where=where, hint=hint)]
    problems: list[Problem] = []
    for check in (_config, _given_weights, _no_adapter) if form == "weights" else (_peft_adapter,):
        with collected(problems):
            check(folder, where)
    return problems


def _gguf_problems(file: Path, form: WeightsForm, where: str) -> Iterator[Problem]:
    if form != "weights":
        what = f"{file.name} is a whole model, no adapter"
        yield Problem(reference="given.adapter", what=what, where=where, hint=f'say weights = "{file.name}"')
    with file.open("rb") as stream:
        if stream.read(len(_GGUF_START)) != _GGUF_START:
            what = f"{file} does not begin as a GGUF file does"
            yield Problem(reference="given.gguf", what=what, where=where, hint="its download may have stopped")
    if find_spec("gguf") is None:
        what, hint = "GGUF files are read by the package gguf, which is not installed", "pip install 'sft-bench[gguf]'"
        yield Problem(reference="given.gguf", what=what, where=where, hint=hint)


def context_length(folder: Path) -> int | None:
    """Positions that the model's config states; `None` where it states none (BLOOM, Mamba)."""
    try:
        config = _read_json(folder / "config.json", "")
    except InputError:
        return None
    tables = (config, config.get("text_config"))
    stated = (table.get(key) for table in tables if isinstance(table, dict) for key in _CONTEXT_KEYS)
    return next((value for value in stated if isinstance(value, int) and value > 0), None)


def context_problem(folder: Path, place: str) -> Problem:
    """The problem of a model whose config states no context length; `place` is the key of its table."""
    return Problem(
        reference="model.context-length",
        what=f"{folder / 'config.json'} states no context length ({', '.join(_CONTEXT_KEYS)})",
        where=f"{place}.context_length",
        hint=f"say how many tokens the model may see: context_length = 2048 under [{place}]",
    )


def stored_parameters(folder: Path) -> int:
    """Elements of all tensors of the model, from the headers of whole weights files."""
    headers = (tensors_of(path) for path in weights_files(folder))
    return sum(math.prod(tensor["shape"]) for header in headers for tensor in header.values())


def _config(folder: Path, where: str) -> None:
    if not (folder / "config.json").is_file():
        raise _refusal("model.config", f"{folder} has no config.json", where, "name the folder of one saved model")
    config = _read_json(folder / "config.json", where)
    if not isinstance(config.get("model_type"), str):
        raise _refusal("model.config", f"{folder / 'config.json'} names no model_type", where)
    if (kind := _other_kind(config)) is not None:
        what = f"{folder} is {kind} ({config['model_type']}), and only causal language models are trained and asked"
        raise _refusal("model.not-causal", what, where, "name a model that continues text, such as Llama or Qwen")


def _other_kind(config: dict[str, Any]) -> str | None:
    """What a model is that is no causal one, by its own words: a causal head on it would see what it is to predict, or
    lack the text that it answers."""
    if config.get("is_encoder_decoder") is True:
        return "an encoder with a decoder"
    named = config.get("architectures")
    masked = isinstance(named, list) and any(str(name).endswith("ForMaskedLM") for name in named)
    return "an encoder" if masked and config.get("is_decoder") is not True else None


def _weights(folder: Path, where: str) -> None:
    try:
        missing = [path.name for path in shards(folder) if not path.is_file()]
    except (OSError, ValueError, RecursionError) as error:
        raise _refusal("model.weights", f"{WEIGHTS_INDEX} cannot be read: {error}", where) from None
    if missing:
        what = f"{folder} lacks {len(missing)} of its weights files, {missing[0]} first"
        raise _refusal("model.weights", what, where, "copy or download it again")
    files = weights_files(folder)
    if not files:
        if other := next((path.name for path in sorted(folder.glob("*.safetensors"))), None):
            what = f"{folder} has {other}, and neither {WEIGHTS_FILE} nor {WEIGHTS_INDEX}, which transformers looks for"
            raise _refusal("model.weights", what, where)
        if (pickled := _pickled(folder)) is not None:
            what = f"{folder} holds its weights as {pickled}, a pickle, which is never loaded"
            raise _refusal("model.pickled", what, where, f"convert it in that folder: {_CONVERT_MODEL}")
        hint = "it needs model.safetensors; a download may have stopped half way"
        raise _refusal("model.weights", f"{folder} has no weights", where, hint)
    for path in files:
        _whole(path, where)


def _whole(path: Path, where: str) -> None:
    if not is_whole(path):
        what = f"{path.name} is not a whole safetensors file ({path.stat().st_size:,} bytes)"
        raise _refusal("model.weights", what, where, "copy or download it again")


def _given_weights(folder: Path, where: str) -> None:
    """Weights of one training: those of an earlier one may be left beside them, and would be loaded."""
    _weights(folder, where)
    others = [path for path in shards(folder) if path.name != WEIGHTS_FILE]
    if others and (folder / WEIGHTS_FILE).is_file():
        what = f"{folder} holds weights twice: {WEIGHTS_FILE}, which transformers loads, and {len(others)} shards"
        hint = f"keep those that are meant: remove {WEIGHTS_FILE}, or {WEIGHTS_INDEX} and the shards"
        raise _refusal("given.weights-twice", what, where, hint)


def _tokenizer(folder: Path, where: str) -> None:
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        hint = "save it beside the weights: tokenizer.save_pretrained(folder)"
        raise _refusal("model.tokenizer", f"{folder} has no tokenizer", where, hint)


def _peft_adapter(folder: Path, where: str) -> None:
    """Its configuration, and its weights as safetensors."""
    weights = folder / ADAPTER_WEIGHTS
    if not (folder / ADAPTER_CONFIG).is_file():
        whole = (folder / "config.json").is_file()
        hint = (
            f'it holds a whole model: say weights = "{folder.name}"'
            if whole
            else "name the folder of one saved adapter"
        )
        raise _refusal("given.no-adapter", f"{folder} has no {ADAPTER_CONFIG}", where, hint)
    if not isinstance(_read_json(folder / ADAPTER_CONFIG, where).get("peft_type"), str):
        raise _refusal("given.no-adapter", f"{folder / ADAPTER_CONFIG} names no peft_type", where, "save it by PEFT")
    if not weights.is_file():
        if (pickled := _pickled(folder, "adapter*")) is not None:
            what = f"{folder} holds its adapter as {pickled}, a pickle, which is never loaded"
            raise _refusal("given.pickled", what, where, f"convert it in that folder: {_CONVERT.format(file=pickled)}")
        raise _refusal("given.no-adapter", f"{folder} has no {ADAPTER_WEIGHTS}", where, "its saving may have stopped")
    _whole(weights, where)


def _pickled(folder: Path, pattern: str = "*") -> str | None:
    """Name of the first pickled file."""
    return next((path.name for path in sorted(folder.glob(pattern)) if path.suffix in _PICKLED), None)


def _no_adapter(folder: Path, where: str) -> None:
    if (folder / ADAPTER_CONFIG).is_file():
        what = f"{folder} holds an adapter ({ADAPTER_CONFIG}), not a whole model"
        raise _refusal("given.adapter", what, where, f'say adapter = "{folder.name}"')


def _adapter(folder: Path, where: str) -> None:
    if (folder / ADAPTER_CONFIG).is_file():
        what = f"{folder} holds an adapter ({ADAPTER_CONFIG}), which would load weights from elsewhere"
        hint = "merge it first (PEFT's merge_and_unload, save_pretrained), or move that file away"
        raise _refusal("model.adapter", what, where, hint)


def _read_json(path: Path, where: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _refusal("model.config", f"{path} is not readable JSON: {error}", where) from None
    if not isinstance(value, dict):
        raise _refusal("model.config", f"{path} is not a JSON object", where)
    return value


def _refusal(
    reference: str, what: str, where: str, hint: str = "save it again: model.save_pretrained(folder)"
) -> InputError:
    return InputError(Problem(reference=reference, what=what, where=where, hint=hint))
