"""What the user names on the command line, as keys of a suite: the base and the files."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from bench.errors import InputError, Problem, did_you_mean
from bench.suite.catalog.card import card_names, load_card
from bench.suite.tables.data import HUB_ID


def model_table(model: str, folder: Path, *, template: str | None = None, context_length: int | None = None) -> str:
    """The lines of `[model]`: the key that names it, and what the user knows of it."""
    said = [] if template is None else [f"template = {json.dumps(template)}"]
    said += [] if context_length is None else [f"context_length = {context_length}"]
    return "\n".join((_named_model(model, folder), *said))


def _named_model(model: str, folder: Path) -> str:
    path = Path(model).expanduser()
    card = next((name for name in card_names() if model in (name, load_card(name).repo)), None)
    if card is not None and not path.is_dir():
        return f"card = {json.dumps(card)}"
    if path.is_dir():
        return f"path = {json.dumps(relative(path, folder))}"
    if model.count("/") == 1 and HUB_ID.fullmatch(model):
        return f"repo = {json.dumps(model)}"
    what, hint = f"{model!r} is no model card, no folder and no hub id", did_you_mean(model, card_names())
    if "/" in model or model.startswith((".", "~")):
        what, hint = (
            f"there is no folder {model}",
            "a folder is looked for from the current one; a hub id is OWNER/NAME",
        )
    raise InputError(Problem(reference="init.model", what=what, where="--model", hint=hint))


def named_sources(data: Sequence[str], folder: Path) -> dict[str, str]:
    """Sources by a name made from the file's."""
    sources: dict[str, str] = {}
    for source in data:
        path = Path(source).expanduser()
        stem = re.sub(r"\W+", "_", path.stem if path.exists() else source.rpartition("/")[2].rpartition(":")[2]).strip(
            "_"
        )
        name = stem.lower() or "rows"
        while name in sources:
            name += "_2"
        sources[name] = relative(path, folder) if path.exists() else source
    return sources


def relative(path: Path, folder: Path) -> str:
    """Path from the suite's folder to a file below that; of any other file, the absolute path."""
    whole = path.resolve()
    return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else str(whole)
