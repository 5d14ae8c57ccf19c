"""What a suite may ask of a judge: mistakes are told before anything runs, and no secret is part of a suite."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from bench.errors import InputError
from bench.suite.catalog.judge_prompt import judge_prompt_names, load_judge_prompt
from bench.suite.load import load_suite
from bench.suite.tables.evals.eval_spec import EvalSpec
from bench.suite.tables.evals.judge import JudgeSpec
from tests.suite.tables.evals.test_eval_spec import problems, suite_with

ADAPTER: TypeAdapter[EvalSpec] = TypeAdapter(EvalSpec)
JUDGE = (
    '[[eval]]\nname = "j"\nkind = "judge"\ndata = { source = "rows.jsonl" }\n'
    'judge = { endpoint = { base_url = "http://localhost:8000/v1", model = "m" } }\n'
)


def spec(**changes: Any) -> EvalSpec:
    source = {"endpoint": {"base_url": "http://localhost:1/v1", "model": "m"}}
    return ADAPTER.validate_python(
        {"kind": "judge", "name": "j", "data": {"source": "x.jsonl"}, "judge": source, **changes}
    )


def test_a_suite_may_judge_against_base_control_and_stored_answers(tmp_path: Path) -> None:
    reference = 'against = "reference"\nreference = { source = "data:rows" }\n'
    text = JUDGE + JUDGE.replace('"j"', '"k"') + 'against = "control"\n' + JUDGE.replace('"j"', '"l"') + reference
    suite = load_suite(suite_with(tmp_path, text)).suite
    found = [one for one in suite.eval if isinstance(one, JudgeSpec)]
    assert [one.against for one in found] == ["base", "control", "reference"]
    assert found[2].reference is not None
    assert found[2].reference.source == "rows.jsonl"


@pytest.mark.parametrize(
    ("extra", "reference", "word"),
    [
        ('prompt = "pairwize"', "judge.prompt", "pairwize"),
        ('prompt = "none.jinja"', "judge.prompt", "none.jinja"),
        ('prompt = "blind.jinja"', "judge.prompt", "second"),
        ('prompt = "broken.jinja"', "judge.prompt", "rendered"),
        ('against = "reference"\nreference = { source = "no.json" }', "data.missing-file", "no.json"),
        ('against = "base"\nreference = { source = "rows.jsonl" }', "suite.value", "reference"),
        ("decoding = { temperature = 1.0, samples = 2 }", "suite.value", "samples"),
        ('against = "control"\n[[claim]]\nsays = "rows/full > base"\non = "j"', "suite.claim", "control"),
        ('against = "control"\n[[claim]]\nsays = "rows/full > rows/lora"\non = "j"', "suite.claim", "control"),
    ],
)
def test_mistakes_are_told(extra: str, reference: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "blind.jinja").write_text("{{ question }} {{ first }}")
    (tmp_path / "broken.jinja").write_text("{{ question }} {{ first }} {{ secnd }}")
    found = problems(tmp_path, JUDGE + extra + "\n")
    assert any(one == reference and word in what for one, what, _ in found), found


def test_a_claim_at_equal_length_is_refused_with_where_that_rate_stands(tmp_path: Path) -> None:
    """It has no paired difference: a claim that seemed to rest on it would rest on something else."""
    extra = '[[claim]]\nsays = "rows/full > base"\non = "j/equal_length"\n'
    ((_, _, hint),) = problems(tmp_path, JUDGE + extra)
    assert hint.startswith("write on = 'j'")
    assert "the report shows the rate at equal length beside it" in hint


@pytest.mark.parametrize(
    ("against", "says", "margin", "refused"),
    [
        ("base", "rows/full >= base", 0.5, True),
        ("base", "rows/full >= base", 0.49, False),
        ("base", "rows/full >= other/full", 0.5, False),
        ("control", "rows/full >= other/full", 0.5, True),
        ("reference", "rows/full >= base", 0.5, False),
    ],
)
def test_a_margin_that_no_rate_could_be_from_its_own_reference_is_refused(
    tmp_path: Path, against: str, says: str, margin: float, refused: bool
) -> None:
    """The reference is a tie with itself: a claim "not worse by half a scale" was supported whatever the judge said."""
    claim = f'[[claim]]\nsays = "{says}"\non = "j"\nmargin = {margin}\n'
    stored = 'reference = { source = "data:rows" }\n' if against == "reference" else ""
    extra = f'against = "{against}"\n{stored}{claim}'
    path = suite_with(tmp_path, JUDGE + extra)
    if refused:
        with pytest.raises(InputError, match="from that of its reference, a tie"):
            load_suite(path)
    else:
        load_suite(path)


def test_without_controls_nothing_is_judged_against_them(tmp_path: Path) -> None:
    path = suite_with(tmp_path, JUDGE + 'against = "control"\n')
    path.write_text(path.read_text().replace('control = "other"\n', "", 1))
    with pytest.raises(Exception, match="no arm has one"):
        load_suite(path)


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"endpoint": {"base_url": "http://localhost:1/v1", "model": "m"}, "local": {"card": "micro"}},
        {"endpoint": {"base_url": "https://example.org/v1", "model": "m", "key_env": "sk-abcdefghijklmnop"}},
        {"endpoint": {"base_url": "https://example.org/v1", "model": "m", "key": "sk-1"}},
    ],
)
def test_one_judge_and_no_secret(source: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec(judge=source)


@pytest.mark.parametrize("name", judge_prompt_names())
def test_every_shipped_prompt_shows_all_and_asks_for_a_verdict(name: str, tmp_path: Path) -> None:
    prompt = load_judge_prompt(name, tmp_path, where="prompt")
    text = prompt.render(question="q-mark", first="one-mark", second="two-mark", system="rules-mark")
    assert all(mark in text for mark in ("q-mark", "one-mark", "two-mark", "rules-mark"))
    assert text.index("one-mark") < text.index("two-mark")
    assert "rules" not in prompt.render(question="q", first="f", second="s", system=None) or name == "json"
    assert '"A"' in text or "[[A]]" in text
