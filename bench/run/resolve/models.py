"""Pins a base: from a card, a hub id or a folder to files on this machine, hashed by content.

Only safetensors weights are taken: a pickled checkpoint can run code when it is loaded. No file of the model is
loaded here; shapes come from the headers of the weights. Code that it brings is `bench.run.resolve.remote_code`'s
matter.
"""

from pathlib import Path

from bench.digest import digest_json
from bench.errors import InputError, Problem
from bench.places import shipped
from bench.run.process.server import ChildServer
from bench.run.resolve.hash_cache import HashCache
from bench.run.resolve.hub_models import snapshot
from bench.run.resolve.remote_code import CODE_FILES, remote_code
from bench.suite.catalog.card import fetched_folder, load_card
from bench.suite.catalog.template import TOKENIZER, load_template, template_names
from bench.suite.checks.models.model_folder import (
    context_length,
    context_problem,
    model_folder_problems,
    stored_parameters,
)
from bench.suite.checks.models.template_tokens import token_problems
from bench.suite.resolved import ResolvedModel
from bench.suite.tables.models.endpoint import EndpointSpec
from bench.suite.tables.models.model import BaseSpec, ModelCard, ModelSpec

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

_FALLBACK_TEMPLATE = "dialogue"
SERVED_CONTEXT = 2**31 - 1
"""Positions of a served model: its server alone knows them, and refuses what is longer."""


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
    `model.*` (no whole model in the folder, no context length, code), `template.*`.
    """
    if isinstance(spec, BaseSpec) and spec.endpoint is not None:
        return _served(spec.endpoint)
    card = None if spec.card is None else load_card(spec.card)
    folder, revision = _locate(spec, card, base, home=home)
    files = _files(folder)
    template = spec.template or (card.template if card is not None else None)
    name = _name(spec, card)
    code = remote_code(
        folder,
        name=name,
        trusted=trust_remote_code,
        home=home,
        server=server or ChildServer(),
        download=lambda: _locate(spec, card, base, home=home, revision=revision, code=True)[0],
    )
    text = None if template in (None, TOKENIZER) else load_template(template, base).text
    if problems := list(token_problems(folder, text, "model.template")):
        raise InputError(problems)
    return ResolvedModel(
        name=name,
        source=_source(spec),
        revision=revision,
        path=str(folder),
        sha256=_hash(folder, files, home),
        remote_code=code,
        context_length=_context_length(spec, card, folder),
        parameters=card.parameters if card is not None else stored_parameters(folder),
        template=_absolute(template, base),
        template_sha256=_template_sha256(template, base),
        end_of_turn=None if card is None else card.end_of_turn,
        thinking=spec.thinking,
        lora_target_modules="all-linear" if card is None else card.lora_target_modules,
        simulation=None if card is None else card.simulation,
    )


def _served(endpoint: EndpointSpec) -> ResolvedModel:
    """A base behind a server: it has a name and nothing on this machine."""
    return ResolvedModel(
        name=endpoint.model,
        source=f"endpoint:{endpoint.host}",
        revision=None,
        path="",
        sha256=digest_json({"endpoint": endpoint.identity}),
        context_length=SERVED_CONTEXT,
        parameters=None,
        template=None,
        template_sha256=None,
        end_of_turn=None,
        lora_target_modules="all-linear",
        simulation=None,
    )


def _locate(
    spec: ModelSpec,
    card: ModelCard | None,
    base: Path,
    *,
    home: Path,
    revision: str | None = None,
    code: bool = False,
) -> tuple[Path, str | None]:
    """Folder and commit (or package), at `revision` rather than at what is asked for; `code`: with the Python files."""
    if spec.path is not None:
        return (base / Path(spec.path).expanduser()).resolve(), None
    if card is not None and card.path is not None:
        return (shipped("models").parent / card.path).resolve(), None
    packaged = card is not None and card.package is not None and spec.revision is None
    if card is not None and card.package is not None and packaged and (fetched := fetched_folder(card, home)).is_dir():
        return fetched, card.package.pinned
    repo = spec.repo or (card.repo if card is not None else None)
    if repo is None:
        raise InputError(
            Problem(reference="model.card", what=f"card {spec.card!r} names neither repo nor path", where="model.card")
        )
    revision = revision or spec.revision or (card.revision if card is not None else None)
    patterns, needed = ((*MODEL_FILES, *CODE_FILES), CODE_FILES[0]) if code else (MODEL_FILES, "*.safetensors")
    folder = snapshot(repo, revision, patterns=patterns, needed=needed, packaged_as=spec.card if packaged else None)
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
    """The files that make the model. Raises `InputError` with everything that is wrong with the folder."""
    if problems := model_folder_problems(folder, str(folder)):
        raise InputError(problems)
    return sorted({file for pattern in MODEL_FILES for file in folder.glob(pattern) if file.is_file()})


def _hash(folder: Path, files: list[Path], home: Path) -> str:
    """Over names and contents. Links (as hub snapshots have) count by what they point at."""
    with HashCache(home) as hashes:
        return digest_json({file.relative_to(folder).as_posix(): hashes.digest(file) for file in files})


def _context_length(spec: ModelSpec, card: ModelCard | None, folder: Path) -> int:
    """Positions that the suite gives, else those of the card or the model's config."""
    stated = card.context_length if card is not None else context_length(folder)
    length = spec.context_length or stated
    if length is None:
        raise InputError(context_problem(folder, "model"))
    return length


def _absolute(template: str | None, base: Path) -> str | None:
    """A template file's absolute path, so that a child finds it; a name stays a name."""
    if template is None or template in template_names():
        return template
    return str((base / Path(template).expanduser()).resolve())


def _template_sha256(template: str | None, base: Path) -> str | None:
    """SHA-256 of the template that prompts may be wrapped with; the tokenizer's own is covered by the model's hash."""
    return None if template == TOKENIZER else load_template(template or _FALLBACK_TEMPLATE, base).sha256
