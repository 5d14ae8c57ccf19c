"""`bench models show`: a base's card, and its parameters counted from its config in a child process."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.control_codes import visible
from bench.errors import InputError, Problem, did_you_mean
from bench.model.size.description import DescribeRequest, Description
from bench.places import home
from bench.run.estimate.memory.from_shapes import card_memory
from bench.run.process.server import ChildServer
from bench.run.resolve.hub_models import snapshot
from bench.run.resolve.remote_code import CODE_FILES, remote_code
from bench.spec import Spec
from bench.suite.catalog.card import card_folder, card_names, fetched_folder, load_card
from bench.suite.tables.models.model import ModelCard
from bench.suite.tables.training.adapter import LoraSpec
from bench.units import GIB, size_text

CONFIG = "config.json"
_UNLISTED = {"config", "provenance", "parameters", "memory_full_gib", "memory_lora_gib"}
"""Fields of a card that are not a line of their own: what is counted from the config is shown for all models."""
_ON_TOP = "activations come on top"


class ShownModel(Spec):
    """What is known of a base without its weights."""

    name: str
    card: ModelCard | None
    """`None` for a base without a card."""
    architecture: str
    parameters: int
    lora: LoraSpec
    """The adapters that were counted: the defaults of a recipe."""
    lora_parameters: int
    """Model and adapters together."""
    lora_trainable_parameters: int
    memory_full_gib: float
    """Estimate as on a card (`bench.run.estimate.memory.from_shapes.card_memory`), from the counts above."""
    memory_lora_gib: float


def show_model(name: str, *, trust_remote_code: bool = False) -> ShownModel:
    """Look up `name` as a card, a folder or a hub id; code that it brings runs only if that is trusted.

    Raises `InputError` where it is none of them.
    """
    card = load_card(name) if name in card_names() else None
    lora, server = LoraSpec(), ChildServer()
    trusted_folder = None
    if card is not None and card.config:
        config: dict[str, Any] = dict(card.config)
    else:
        folder = _folder(name, card, (CONFIG,))
        config = _read(folder / CONFIG)
        code = remote_code(
            folder,
            name=name,
            parts=("AutoConfig", "AutoModelForCausalLM"),
            trusted=trust_remote_code,
            home=home(),
            server=server,
            download=lambda: _folder(name, card, (CONFIG, *CODE_FILES)),
        )
        trusted_folder = None if code is None else str(folder)
    request = DescribeRequest(
        config=config,
        folder=trusted_folder,
        lora=lora,
        card_modules="all-linear" if card is None else card.lora_target_modules,
    )
    log = home() / "logs" / "describe.txt"
    counted = Description.model_validate(server.call("describe", request, folder=home(), log=log))
    memory_full, memory_lora = card_memory(counted.parameters, counted.lora_trainable_parameters)
    return ShownModel(
        name=name, card=card, lora=lora, memory_full_gib=memory_full, memory_lora_gib=memory_lora, **dict(counted)
    )


def _folder(name: str, card: ModelCard | None, patterns: tuple[str, ...]) -> Path:
    packaged = card is not None and card.package is not None
    folder = Path(name) if card is None else fetched_folder(card, home()) if packaged else card_folder(card)
    if folder is not None and folder.is_dir():
        return folder
    if card is None and name.count("/") != 1:
        what = f"{name!r} is no model card, no folder and no hub id"
        raise InputError(Problem(reference="model.unknown", what=what, hint=did_you_mean(name, card_names())))
    repo = name if card is None or card.repo is None else card.repo
    return snapshot(repo, None, patterns=patterns, packaged_as=name if packaged else None)


def _read(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except FileNotFoundError:
        what, hint = "the folder has no config.json", "name a folder that a model was saved to"
        raise InputError(Problem(reference="model.no-config", what=what, where=str(path), hint=hint)) from None
    except (OSError, ValueError, RecursionError) as error:
        hint = "config.json must be a JSON object"
        raise InputError(Problem(reference="model.bad-json", what=str(error), where=str(path), hint=hint)) from None
    if not isinstance(config, dict) or "model_type" not in config:
        what, hint = "config.json names no model_type", "name a folder of a transformers model"
        raise InputError(Problem(reference="model.no-config", what=what, where=str(path), hint=hint))
    return config


def print_model(shown: ShownModel, console: Console) -> None:
    """Print it as a table of two columns."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _lines(shown):
        table.add_row(name, Text(visible(text)))
    console.print(table)


def _lines(shown: ShownModel) -> list[tuple[str, str]]:
    share = 100 * shown.lora_trainable_parameters / shown.lora_parameters
    listed = {} if shown.card is None else shown.card.model_dump(mode="json", exclude=_UNLISTED, exclude_none=True)
    provenance = {} if shown.card is None else shown.card.provenance
    if shown.card is not None:
        listed["template"] = shown.card.template or "the tokenizer's own"
        listed["end_of_turn"] = shown.card.end_of_turn or "the tokenizer's end-of-sequence token"
    return [
        *((key.replace("_", " "), _spell(value)) for key, value in listed.items()),
        ("architecture", shown.architecture),
        ("parameters", f"{shown.parameters:,}"),
        (
            f"LoRA r = {shown.lora.r}",
            f"{shown.lora_trainable_parameters:,} trainable of {shown.lora_parameters:,}, {share:.4f}%",
        ),
        (
            "memory, full",
            f"{size_text(shown.memory_full_gib * GIB)}: weights, gradients, AdamW's states in fp32; {_ON_TOP}",
        ),
        (
            "memory, LoRA",
            f"{size_text(shown.memory_lora_gib * GIB)}: the same of the adapters, base in bf16; {_ON_TOP}",
        ),
        *((key.replace("_", " "), _spell(value)) for key, value in provenance.items()),
    ]


def _spell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
