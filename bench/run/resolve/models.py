"""Pins a base: from a card, a hub id or a folder to files on this machine, hashed by content.

Only safetensors weights are taken: a pickled checkpoint can run code when it is loaded. No file of the model is
loaded here; shapes come from the headers of the weights. Code that it brings is `bench.run.resolve.remote_code`'s
matter.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from bench.digest import digest_json
from bench.errors import InputError, Problem
from bench.places import shipped
from bench.run.process.server import ChildServer
from bench.run.resolve.hash_cache import HashCache
from bench.run.resolve.hub_models import snapshot
from bench.run.resolve.remote_code import CODE_FILES, remote_code
from bench.suite.card import load_card
from bench.suite.model import ModelCard, ModelSpec
from bench.suite.resolved import ResolvedModel
from bench.suite.template import TOKENIZER, load_template, template_names

MODEL_FILES = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "*.model",
    "chat_template.jinja",
    "chat_template.json",
)
"""What can change what a model computes or how text becomes tokens; all else in its folder is left alone."""

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")
_FALLBACK_TEMPLATE = "dialogue"


def resolve_model(
    spec: ModelSpec,
    *,
    base: Path,
    home: Path,
    trust_remote_code: bool = False,
    server: ChildServer | None = None,
) -> ResolvedModel:
    """The base that `spec` names. `base` is the folder that relative paths start from.

    `trust_remote_code`: code that the model brings may run. Raises `InputError`: `hub.*` (unreachable, unknown, gated),
    `model.*` (no folder, no or torn weights, pickled weights, no tokenizer, no context length, code), `template.*`.
    """
    card = None if spec.card is None else load_card(spec.card)
    folder, revision = _locate(spec, card, base)
    files = _files(folder)
    template = spec.template or (card.template if card is not None else None)
    name = _name(spec, card)
    code = remote_code(
        folder,
        name=name,
        trusted=trust_remote_code,
        home=home,
        server=server or ChildServer(),
        download=lambda: _locate(spec, card, base, revision=revision, code=True)[0],
    )
    return ResolvedModel(
        name=name,
        source=_source(spec),
        revision=revision,
        path=str(folder),
        sha256=_hash(folder, files, home),
        remote_code=code,
        context_length=card.context_length if card is not None else _context_length(folder),
        parameters=card.parameters if card is not None else _parameters(folder),
        template=_absolute(template, base),
        template_sha256=_template_sha256(template, base),
        end_of_turn=None if card is None else card.end_of_turn,
        thinking=spec.thinking,
        lora_target_modules="all-linear" if card is None else card.lora_target_modules,
        simulation=None if card is None else card.simulation,
    )


def _locate(
    spec: ModelSpec, card: ModelCard | None, base: Path, *, revision: str | None = None, code: bool = False
) -> tuple[Path, str | None]:
    """Folder and commit, at `revision` rather than at what is asked for; `code`: with the Python files."""
    if spec.path is not None:
        return (base / Path(spec.path).expanduser()).resolve(), None
    if card is not None and card.path is not None:
        return (shipped("models").parent / card.path).resolve(), None
    repo = spec.repo or (card.repo if card is not None else None)
    if repo is None:
        raise InputError(
            Problem(reference="model.card", what=f"card {spec.card!r} names neither repo nor path", where="model.card")
        )
    revision = revision or spec.revision or (card.revision if card is not None else None)
    patterns, needed = ((*MODEL_FILES, *CODE_FILES), CODE_FILES[0]) if code else (MODEL_FILES, "*.safetensors")
    folder = snapshot(repo, revision, patterns=patterns, needed=needed)
    return folder, folder.name


def _source(spec: ModelSpec) -> str:
    if spec.card is not None:
        return f"card:{spec.card}"
    return f"repo:{spec.repo}" if spec.repo is not None else f"path:{spec.path}"


def _name(spec: ModelSpec, card: ModelCard | None) -> str:
    if card is not None:
        return card.name
    return spec.repo if spec.repo is not None else Path(spec.path or "").resolve().name


def _files(folder: Path) -> list[Path]:
    """The files that make the model. Raises `InputError` for all that is missing from the folder."""
    where = str(folder)
    if not folder.is_dir():
        what, hint = "there is no such model folder", "check model.path; it is relative to the suite file"
        raise InputError(Problem(reference="model.no-folder", what=what, where=where, hint=hint))
    problems = []
    if not (folder / "config.json").is_file():
        problems.append(Problem(reference="model.no-config", what="the model folder has no config.json", where=where))
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        problems.append(Problem(reference="model.no-tokenizer", what="the model folder has no tokenizer", where=where))
    if not any(folder.glob("*.safetensors")):
        problems.append(_no_weights(folder))
    problems.extend(_missing_shards(folder))
    if (folder / "adapter_config.json").is_file():
        what = "the folder holds an adapter (adapter_config.json), which would load weights from elsewhere"
        hint = "merge it first (PEFT's merge_and_unload, save_pretrained), or move that file away"
        problems.append(Problem(reference="model.adapter", what=what, where=where, hint=hint))
    if problems:
        raise InputError(problems)
    return sorted({file for pattern in MODEL_FILES for file in folder.glob(pattern) if file.is_file()})


def _no_weights(folder: Path) -> Problem:
    pickled = sorted(file.name for pattern in _PICKLED for file in folder.glob(pattern))
    if pickled:
        return Problem(
            reference="model.pickled",
            what=f"the weights are pickled ({pickled[0]}), which can run code when loaded",
            where=str(folder),
            hint="convert them to safetensors: AutoModelForCausalLM.from_pretrained(…).save_pretrained(…)",
        )
    return Problem(
        reference="model.no-weights",
        what="the model folder has no safetensors weights",
        where=str(folder),
        hint="where its hub page has pickled ones alone, convert them: AutoModelForCausalLM.from_pretrained(…)"
        ".save_pretrained(FOLDER), the tokenizer too, then --set model.path=FOLDER",
    )


def _missing_shards(folder: Path) -> list[Problem]:
    missing: set[str] = set()
    for index in folder.glob("*.safetensors.index.json"):
        shards = set(_json(index).get("weight_map", {}).values())
        missing |= {str(shard) for shard in shards if not (folder / str(shard)).is_file()}
    return [
        Problem(reference="model.weights", what=f"the index names {shard}, which is missing", where=str(folder))
        for shard in sorted(missing)
    ]


def _hash(folder: Path, files: list[Path], home: Path) -> str:
    """Over names and contents. Links (as hub snapshots have) count by what they point at."""
    with HashCache(home) as hashes:
        return digest_json({file.relative_to(folder).as_posix(): hashes.digest(file) for file in files})


def _context_length(folder: Path) -> int:
    config = _json(folder / "config.json")
    for table in (config, config.get("text_config") or {}):
        for key in _CONTEXT_KEYS:
            if isinstance(table.get(key), int):
                return int(table[key])
    raise InputError(
        Problem(
            reference="model.context-length",
            what=f"config.json names no context length ({', '.join(_CONTEXT_KEYS)})",
            where=str(folder / "config.json"),
            hint="write a model card that states context_length",
        )
    )


def _parameters(folder: Path) -> int:
    """Elements of all stored tensors. Raises `InputError` for a weights file that is cut off or no safetensors."""
    return sum(_stored_elements(file) for file in sorted(folder.glob("*.safetensors")))


def _stored_elements(file: Path) -> int:
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            size = os.fstat(stream.fileno()).st_size
            header = json.loads(stream.read(length)) if length < size else None
        tensors = [entry for name, entry in header.items() if name != "__metadata__"]  # type: ignore[union-attr]  # caught
        end = max((entry["data_offsets"][1] for entry in tensors), default=0)
        if 8 + length + end != size:
            raise ValueError("size differs from what the header says")
        return sum(math.prod(entry["shape"]) for entry in tensors)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            Problem(
                reference="model.weights",
                what="the weights file is cut off or not safetensors",
                where=str(file),
                hint="copy or download it again",
            )
        ) from error


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            Problem(reference="model.bad-json", what=f"{file.name} cannot be read as JSON", where=str(file))
        ) from error
    if not isinstance(value, dict):
        raise InputError(Problem(reference="model.bad-json", what=f"{file.name} is not a JSON object", where=str(file)))
    return value


def _absolute(template: str | None, base: Path) -> str | None:
    """A template file's absolute path, so that a child finds it; a name stays a name."""
    if template is None or template in template_names():
        return template
    return str((base / Path(template).expanduser()).resolve())


def _template_sha256(template: str | None, base: Path) -> str | None:
    """Of the text that prompts may be wrapped with; the tokenizer's own is covered by the model's hash."""
    return None if template == TOKENIZER else load_template(template or _FALLBACK_TEMPLATE, base).sha256
