"""`bench list` must show what can be named, all of it."""

from typing import get_args

import pytest

from bench.cli.commands.catalogue import ListKind
from bench.errors import InputError
from bench.suite.catalog.card import card_names, load_card
from bench.suite.catalog.template import template_names
from bench.suite.listing import listing
from bench.suite.tables.data import Select


@pytest.fixture(autouse=True)
def _fresh_cards() -> None:
    load_card.cache_clear()


@pytest.mark.parametrize("kind", [kind.value for kind in ListKind])
def test_every_list_has_rows_of_one_shape(kind: str) -> None:
    rows = listing(kind)
    assert rows
    assert {tuple(row) for row in rows} == {tuple(rows[0])}


def test_selectors_are_those_of_the_type() -> None:
    assert [row["name"] for row in listing("selectors")] == list(get_args(Select.model_fields["by"].annotation))


def test_every_template_is_described() -> None:
    assert [row["name"] for row in listing("templates")] == list(template_names())
    assert all(row["writes"] for row in listing("templates"))


def test_every_card_is_listed() -> None:
    assert tuple(row["name"] for row in listing("models")) == card_names()


def test_recipes_are_those_that_a_profile_trains_with() -> None:
    paper = [
        row["name"] for row in listing("recipes") if row["suite"] == "lima_vs_alpaca" and row["profile"] == "paper"
    ]
    assert paper == ["full", "lora", "full_52k", "lora_52k"]


def test_an_unknown_list_is_refused() -> None:
    with pytest.raises(InputError):
        listing("model")


def test_metrics_are_listed_with_their_direction() -> None:
    """A user picks by these names in `metrics` and `metric`."""
    rows = {row["measure"]: row for row in listing("metrics")}
    assert rows["rouge_l"]["metric"] == "rouge"
    assert (rows["repetition"]["metric"], rows["repetition"]["better"]) == ("(always)", "lower")
    assert rows["length"]["better"] == "neither"
    assert all(row["says"] for row in rows.values())
