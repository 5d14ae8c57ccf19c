"""Model cards: `models/<name>.toml`, one per base that is known."""

from functools import cache
from pathlib import Path

from pydantic import ValidationError

from bench.errors import InputError, Problem, did_you_mean
from bench.places import shipped
from bench.suite.reading.pydantic_errors import explain, freeze, spell
from bench.suite.reading.toml import read_toml
from bench.suite.tables.models.model import ModelCard


def card_names() -> tuple[str, ...]:
    """Names of all shipped cards, sorted."""
    return tuple(sorted(path.stem for path in shipped("models").glob("*.toml")))


@cache
def load_card(name: str) -> ModelCard:
    """The card `name`. Raises `InputError` where there is none or it is malformed."""
    if name not in card_names():
        what = f"there is no model card {name!r}"
        hint = did_you_mean(name, card_names())
        raise InputError(Problem(reference="model.unknown-card", what=what, where="model.card", hint=hint))
    path = shipped("models") / f"{name}.toml"
    raw = freeze(read_toml(path, kind="card")[0])
    try:
        card = ModelCard.model_validate(raw, strict=True)
    except ValidationError as error:
        raise InputError(
            explain(error, raw, ModelCard, kind="card", locate=lambda keys: f"{path}: {spell(keys)}")
        ) from None
    if card.name != name:
        what = f"the card in {path.name} names itself {card.name!r}"
        hint = f"name = {name!r}"
        raise InputError(Problem(reference="card.name", what=what, where=str(path), hint=hint))
    return card


def fetched_folder(card: ModelCard, home: Path) -> Path:
    """Where `bench models fetch` puts a packaged base, whether or not it is there: one folder for each pinned file."""
    assert card.package is not None, "a packaged base"
    return home / "models" / f"{card.name}-{card.package.sha256[:12]}"


def card_folder(card: ModelCard) -> Path | None:
    """Folder of an embedded base; `None` for a base on the hub."""
    return None if card.path is None else shipped("models").parent / card.path
