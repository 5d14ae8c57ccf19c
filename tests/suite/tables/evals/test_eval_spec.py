"""What a suite may ask of generated answers: mistakes are told before anything runs."""

from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from bench.errors import InputError
from bench.suite.catalog.metrics import BEHAVIOUR, BY_PROGRAM, REFERENCE
from bench.suite.load import load_suite
from bench.suite.tables.data import PromptSpec
from bench.suite.tables.evals.decoding import Decoding
from bench.suite.tables.evals.eval_spec import EvalSpec, data_of
from bench.suite.tables.evals.generation import HubMetric
from tests.fakes.suite_files import SUITE, write_suite

ADAPTER: TypeAdapter[EvalSpec] = TypeAdapter(EvalSpec)
GENERATION = '[[eval]]\nname = "g"\nkind = "generation"\ndata = { source = "rows.jsonl" }\n'


def suite_with(folder: Path, text: str) -> Path:
    """The small suite with evals before its own first one."""
    return write_suite(folder, SUITE.replace("[[eval]]", f"{text}\n[[eval]]", 1))


def problems(folder: Path, text: str) -> list[tuple[str, str, str | None]]:
    with pytest.raises(InputError) as caught:
        load_suite(suite_with(folder, text))
    return [(one.reference, one.what, one.hint) for one in caught.value.problems]


def test_a_suite_may_ask_and_show(tmp_path: Path) -> None:
    text = (
        GENERATION
        + 'metrics = ["rouge"]\nmetric = "rouge_2"\n[[eval]]\nname = "q"\nkind = "questions"\nquestions = ["Why?"]'
    )
    suite = load_suite(suite_with(tmp_path, text)).suite
    assert isinstance(data_of(suite.eval[0]), PromptSpec)
    assert data_of(suite.eval[1]) is None


def test_unknown_metrics_are_named_with_the_nearest(tmp_path: Path) -> None:
    found = problems(tmp_path, GENERATION + 'metrics = ["rogue", "bleu"]\nmetric = "chrf"')
    assert [reference for reference, *_ in found] == ["eval.unknown-metric"] * 2
    assert "'rogue'" in found[0][1]
    assert "rouge" in (found[0][2] or "")
    assert "'chrf'" in found[1][1]


def test_several_answers_are_scored_by_a_metric_of_right_and_wrong(tmp_path: Path) -> None:
    drawn = "\ndecoding = { temperature = 1.0, samples = 4 }\npass_at = [1, 4]\n"
    suite = suite_with(tmp_path, GENERATION + 'metrics = ["rouge", "numeric"]\nmetric = "pass@4"' + drawn)
    assert load_suite(suite).suite.eval[0].name == "g"
    (found,) = problems(tmp_path, GENERATION + 'metrics = ["rouge"]' + drawn)
    assert "need a metric by which an answer is right or wrong" in found[1]


@pytest.mark.parametrize("metric", ["length", "format"])
def test_what_has_no_direction_or_no_form_cannot_decide(tmp_path: Path, metric: str) -> None:
    assert problems(tmp_path, GENERATION + f'metric = "{metric}"')[0][0] == "eval.unknown-metric"


def test_questions_cannot_decide_a_claim(tmp_path: Path) -> None:
    text = (
        '[[eval]]\nname = "q"\nkind = "questions"\nquestions = ["Why?"]\n[[claim]]\nsays = "rows/full > base"\non = "q"'
    )
    assert "no score that could decide" in problems(tmp_path, text)[0][1]


@pytest.mark.parametrize(
    ("decoding", "says"),
    [
        ({"samples": 2}, "no use for samples"),
        ({"top_p": 0.9}, "no use for top_p"),
        ({"temperature": 1.0, "top_p": 0.0}, "greater than 0"),
        ({"stop": [""]}, "at least 1 character"),
    ],
)
def test_decoding_that_means_nothing_is_refused(decoding: dict[str, Any], says: str) -> None:
    """Four equal greedy answers per prompt would look like four samples without noise."""
    with pytest.raises(ValidationError, match=says):
        Decoding.model_validate(decoding)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": {"by": "regex"}}, "needs a pattern"),
        ({"format": {"by": "regex", "pattern": "("}}, "not a regular expression"),
        ({"format": {"by": "json", "pattern": "x"}}, "needs a pattern, and no other"),
        ({"format": {"by": "regex", "pattern": "x", "keys": ["a"]}}, "keys mean"),
        ({"kind": "questions"}, "one answer to each|give either|Extra"),
        ({"data": {"source": "x.jsonl", "columns": {"completion": "a"}}}, "give prompt"),
    ],
)
def test_specs_that_contradict_themselves_are_refused(changes: dict[str, Any], says: str) -> None:
    spec = {"kind": "generation", "name": "g", "data": {"source": "x.jsonl"}, **changes}
    if spec["kind"] == "questions":
        spec |= {"questions": ["Why?"]}
    with pytest.raises(ValidationError, match=says):
        ADAPTER.validate_python(spec)


def test_no_two_measures_share_a_name() -> None:
    """Rows keep scores by measure name: a second one would overwrite the first."""
    names = [scale.name for scales in (*REFERENCE.values(), BEHAVIOUR) for scale in scales]
    assert len(set(names)) == len(names)


def test_the_metrics_of_the_table_are_the_modules_there_are(root: Path) -> None:
    folder = root / "bench" / "evals" / "metrics"
    assert {path.parent.name for path in folder.glob("*/*.py") if path.stem == path.parent.name} == set(
        REFERENCE
    ) - BY_PROGRAM


def test_every_measure_is_documented(root: Path) -> None:
    text = (root / "docs" / "evals.md").read_text(encoding="utf-8")
    for scale in (scale for scales in (*REFERENCE.values(), BEHAVIOUR) for scale in scales):
        assert f"`{scale.name}`" in text
    kinds = [get_args(spec.model_fields["kind"].annotation)[0] for spec in get_args(get_args(EvalSpec)[0])]
    assert all(f"`{kind}`" in text for kind in kinds)


@pytest.mark.parametrize(
    ("name", "key", "measure"),
    [("bertscore", "f1", "bertscore_f1"), ("owner/meteor", "meteor", "meteor"), ("owner/x", "y", "x_y")],
)
def test_a_hub_metric_has_a_measure_of_its_own(name: str, key: str, measure: str) -> None:
    assert HubMetric(name=name, key=key).measure == measure
