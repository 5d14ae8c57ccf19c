"""How metrics read texts: what one reading gets wrong, every score inherits."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bench.evals.generated.text_norm import bag_f1, dominant_script, final_number, script, squad_form, words


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("She sold 48/2 = <<48/2=24>>24 clips.\n#### 72", "72"),
        ("#### 1,200 dollars, not 7", "1200"),
        ("First 3, then 4, so the answer is 12.", "12"),
        ("It is -5.50", "-5.5"),
        ("about .5 of it", "0.5"),
        ("12.", "12"),
    ],
)
def test_the_number_that_an_answer_comes_to(text: str, number: str) -> None:
    assert final_number(text) == Decimal(number)


@pytest.mark.parametrize("text", ["none", "", "#### none, though 5 stood before the mark"[:9], "seven"])
def test_an_answer_without_a_number_has_none(text: str) -> None:
    assert final_number(text) is None


def test_a_number_before_the_mark_is_not_the_answer() -> None:
    """A model that works to 5 and then concludes nothing has not answered 5."""
    assert final_number("5 apples #### many") is None


def test_squads_normal_form() -> None:
    assert squad_form("  The Cat's, an  Apple! ") == "cats apple"


def test_bag_f1_counts_each_word_once() -> None:
    assert bag_f1(["a", "a", "b"], ["a", "c"]) == pytest.approx(2 * 1 / 5)
    assert bag_f1([], []) == 1.0
    assert bag_f1(["a"], []) == 0.0


def test_words_of_every_script_are_words() -> None:
    """An ASCII tokenizer would see none, and score every Russian answer 0."""
    assert words("Привет, Мир_2! café") == ["привет", "мир", "2", "café"]


def test_scripts() -> None:
    assert dominant_script("Hello мир!") == "LATIN"
    assert dominant_script("123 !?") is None
    assert {script("漢"), script("ひ"), script("カ")} == {"CJK"}
    assert script("ж") == "CYRILLIC"
