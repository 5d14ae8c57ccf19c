"""A card that is wrong or missing must say so; a reader trusts its numbers."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.suite.catalog import card as module
from bench.suite.catalog.card import card_folder, card_names, load_card

CARD = 'name = "toy"\nrepo = "a/toy"\nlicence = "MIT"\nparameters = 7\ncontext_length = 8\n'


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "shipped", lambda _kind: tmp_path / "models")
    load_card.cache_clear()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "toy.toml").write_text(CARD)
    return tmp_path / "models"


@pytest.mark.parametrize("name", card_names())
def test_every_shipped_card_is_sound(name: str) -> None:
    load_card.cache_clear()
    card = load_card(name)
    assert card.name == name
    assert card.path is not None or card.name == str(card.repo).rpartition("/")[2].lower()
    folder = card_folder(card)
    assert folder is None or folder.is_dir()


@pytest.mark.parametrize(
    ("name", "parameters", "gated"),
    [
        ("smollm2-135m", 134_515_008, False),
        ("qwen2.5-0.5b", 494_032_768, False),
        ("llama-2-7b-hf", 6_738_415_616, True),
    ],
)
def test_the_flagship_bases_are_as_published(name: str, parameters: int, gated: bool) -> None:
    load_card.cache_clear()
    assert (load_card(name).parameters, load_card(name).gated) == (parameters, gated)


def test_an_unknown_card_names_the_nearest(models: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_card("toi")
    assert caught.value.problems[0].hint == "did you mean 'toy'?"


@pytest.mark.parametrize(
    ("text", "reference", "what"),
    [
        (CARD.replace("7", "-7"), "card.value", "parameters must be greater than 0"),
        (CARD + 'licens = "x"\n', "card.unknown-key", "licens"),
        (CARD + 'path = "models/toy"\n', "card.value", "give exactly one of repo or path"),
        (CARD.replace('"toy"', '"tay"', 1), "card.name", "names itself 'tay'"),
        (CARD + "x = \n", "card.syntax", "not valid TOML"),
    ],
)
def test_a_malformed_card_is_refused(models: Path, text: str, reference: str, what: str) -> None:
    (models / "toy.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_card("toy")
    (problem,) = caught.value.problems
    assert problem.reference == reference
    assert what in problem.what
    assert "toy.toml" in (problem.where or "")


def test_an_embedded_base_lies_beside_the_cards(models: Path) -> None:
    (models / "toy.toml").write_text(CARD.replace('repo = "a/toy"', 'path = "models/toy"'))
    assert card_folder(load_card("toy")) == models / "toy"
