"""Behaviour: what an answer shows without a reference."""

from types import SimpleNamespace

import pytest

from bench.evals.generated.behaviour import behaviour, dominant_script, drift, repetition, script
from bench.evals.generated.format_check import TRIES, Form
from bench.suite.catalog.metrics import BEHAVIOUR
from bench.suite.tables.evals.generation import FormatSpec


def test_an_answer_that_loops_repeats_itself() -> None:
    assert repetition([1, 2, 3, 4] * 5) == pytest.approx(1 - 4 / 17)
    assert repetition(range(20)) == 0.0
    assert repetition([7, 7, 7]) == 0.0


def test_an_answer_in_another_script_drifts() -> None:
    assert drift("Where is it?", "там there") == pytest.approx(3 / 8)
    assert drift("Где?", "там") == 0.0


def test_scripts() -> None:
    assert dominant_script("Hello мир!") == "LATIN"
    assert dominant_script("123 !?") is None
    assert {script("漢"), script("ひ"), script("カ")} == {"CJK"}
    assert script("ж") == "CYRILLIC"


@pytest.mark.parametrize(("asked", "text"), [("2 + 2 =", "four"), ("Where?", "12"), ("Where?", "")])
def test_without_letters_nothing_is_said_of_the_script(asked: str, text: str) -> None:
    """0 would claim that it was looked at."""
    assert drift(asked, text) is None


@pytest.mark.parametrize(
    ("text", "form", "holds"),
    [
        (" A.\n", {"by": "regex", "pattern": "[A-D]\\."}, True),
        ("A. Because", {"by": "regex", "pattern": "[A-D]\\."}, False),
        ("A\nB", {"by": "regex", "pattern": "A.*"}, True),
        ('{"answer": 1}', {"by": "json", "keys": ["answer"]}, True),
        ('{"other": 1}', {"by": "json", "keys": ["answer"]}, False),
        ('["answer"]', {"by": "json", "keys": ["answer"]}, False),
        ("[1]", {"by": "json"}, True),
        ('{"answer": NaN}', {"by": "json"}, False),
        ("[" * 100_000, {"by": "json"}, False),
        ("Sure! {}", {"by": "json"}, False),
    ],
)
def test_the_form_is_that_of_the_whole_answer(text: str, form: dict[str, object], holds: bool) -> None:
    assert Form(FormatSpec.model_validate(form)).holds(text) is holds


def test_a_pattern_without_end_costs_seconds_not_the_eval(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern may try more ways to match an answer than there are seconds in the world."""
    monkeypatch.setattr("bench.evals.generated.format_check.PATIENCE_SECONDS", 0.05)
    form = Form(FormatSpec(by="regex", pattern="(?:(?:a|b|ab)+c?)*d"))
    tried: list[str] = []
    pattern = form._pattern
    assert pattern is not None

    def fullmatch(text: str, timeout: float) -> object:
        tried.append(text)
        return pattern.fullmatch(text, timeout=timeout)

    form._pattern = SimpleNamespace(fullmatch=fullmatch)
    assert form.holds("abd") is True
    endless = "ab" * 40 + "dd"
    assert [form.holds(endless) for _ in range(200)] == [None] * 200
    assert form.holds("abd") is None
    assert tried == ["abd", *[endless] * TRIES], "it is tried no more"


def test_every_measure_of_the_table_is_measured_and_no_other() -> None:
    """A measure without a scale has no direction; a scale without a measure is an empty column."""
    form = Form(FormatSpec(by="json"))
    found = behaviour("Where?", "  ", [], ended=True, form=form)
    assert found.keys() == {scale.name for scale in BEHAVIOUR}
    assert found == {"ended": 1.0, "empty": 1.0, "repetition": 0.0, "drift": None, "length": 0.0, "format": 0.0}
    assert "format" not in behaviour("Where?", "there", [5], ended=False, form=None)
