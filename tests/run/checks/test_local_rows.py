"""What `bench validate` says of the rows of local files, without a library: it was found by `bench plan` alone."""

import json
from pathlib import Path

import pytest

from bench.data import selected
from bench.data.sources.read import read as reading
from bench.data.sources.source import Source
from bench.data.sources.table import RowTable
from bench.errors import InputError, Problem
from bench.run.checks import local_rows
from bench.run.checks.local_rows import LocalRows
from bench.suite.load import load_suite

ANSWERED = [{"prompt": f"What is {n} and {n}?", "completion": f"{2 * n}"} for n in range(30)]
OTHERS = [{"prompt": f"Where is town {n}?", "completion": f"By river {n}."} for n in range(10)]
ASKED = [{"question": f"Why {n}?"} for n in range(20)]
SUITE = """
name = "mine"
question = "Is it better?"
seeds = [0]
[model]
card = "micro"
[data.a]
source = {train}
{select}
[recipe.full]
method = "full"
learning_rate = 5e-4
[budget]
unit = "steps"
amount = 2
[arms]
data = ["a"]
recipe = ["full"]
[[eval]]
name = "answers"
{eval}
"""
GENERATION = 'kind = "generation"\ndata = {{ source = "{source}" }}\nmetrics = ["rouge"]'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, rows in (("rows", ANSWERED), ("others", OTHERS), ("asked", ASKED)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    broken = [json.dumps(ANSWERED[0]), '{"prompt": "a", completion: "b"}']
    (tmp_path / "broken.jsonl").write_text("\n".join(broken), encoding="utf-8")
    (tmp_path / "scan.pdf").write_text("%PDF", encoding="utf-8")
    return tmp_path


def found(folder: Path, rows: LocalRows, *, train: str = "rows.jsonl", select: str = "", eval_: str) -> dict[str, str]:
    """The problems, by reference: their place."""
    path = folder / "mine.toml"
    path.write_text(SUITE.format(train=json.dumps(train), select=select, eval=eval_), encoding="utf-8")
    return {problem.reference: problem.where or "" for problem in rows.problems(load_suite(path))}


@pytest.mark.parametrize(
    ("keys", "reference", "where"),
    [
        ({"train": "broken.jsonl"}, "data.not-json", "broken.jsonl:2"),
        ({"train": "scan.pdf"}, "data.format", "data.a.source"),
        ({"select": 'select = { by = "random", size = 31 }'}, "data.too-few-rows", "data.a.select.size"),
        ({"eval_": GENERATION.format(source="asked.jsonl")}, "eval.no-reference", "eval[0].data"),
        (
            {"eval_": 'kind = "loss"\ndata = { source = "data:a", select = { by = "holdout", size = 30 } }'},
            "data.no-rows",
            "data.a.source",
        ),
        ({"eval_": 'kind = "loss"\ndata = { source = "asked.jsonl" }'}, "data.no-answers", "asked.jsonl:1"),
        (
            {
                "eval_": 'kind = "judge"\nagainst = "reference"\ndata = { source = "asked.jsonl" }\n'
                '[eval.judge.endpoint]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"'
            },
            "eval.no-reference",
            "eval[0].data",
        ),
    ],
)
def test_what_rows_show_is_found_without_a_library(
    folder: Path, keys: dict[str, str], reference: str, where: str
) -> None:
    keys.setdefault("eval_", GENERATION.format(source="others.jsonl"))
    assert found(folder, LocalRows(), **keys) == {reference: where}


@pytest.mark.parametrize(
    "eval_",
    [
        GENERATION.format(source="others.jsonl"),
        'kind = "generation"\ndata = { source = "asked.jsonl" }',
        'kind = "generation"\ndata = { source = "asked.jsonl" }\nmetrics = ["rouge"]\nmetric = "ended"',
        'kind = "questions"\ndata = { source = "asked.jsonl" }',
    ],
)
def test_rows_without_answers_will_do_where_nothing_is_compared_with_them(folder: Path, eval_: str) -> None:
    assert found(folder, LocalRows(), eval_=eval_) == {}


def test_large_sources_are_left_to_the_plan_and_small_ones_are_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"select": 'select = { by = "random", size = 31 }', "eval_": GENERATION.format(source="asked.jsonl")}
    assert len(found(folder, LocalRows(), **keys)) == 2
    monkeypatch.setattr(local_rows, "LARGEST_BYTES", (folder / "asked.jsonl").stat().st_size)
    assert found(folder, LocalRows(), **keys) == {"eval.no-reference": "eval[0].data"}


@pytest.mark.parametrize(
    ("train", "select", "where"),
    [
        ("rows.jsonl", 'select = { by = "random", size = 31 }', {"data.too-few-rows": "data.a.select.size"}),
        ("scan.pdf", "", {"data.format": "data.a.source"}),
    ],
)
def test_a_fault_of_other_rows_hides_no_missing_references(
    folder: Path, train: str, select: str, where: dict[str, str]
) -> None:
    eval_ = GENERATION.format(source="asked.jsonl")
    told = found(folder, LocalRows(), train=train, select=select, eval_=eval_)
    assert told == {**where, "eval.no-reference": "eval[0].data"}


@pytest.mark.parametrize(
    ("keys", "named", "others"),
    [
        ('columns = { prompt = "ask", completion = "completion" }', "data.a.columns.prompt", ["eval[0].data"]),
        ('select = { by = "score", column = "rating", size = 3 }', "data.a.select.column", ["eval[0].data"]),
    ],
)
def test_a_column_that_a_file_lacks_is_named_once(folder: Path, keys: str, named: str, others: list[str]) -> None:
    """Its rows, read without the column, were a second problem; those of other files are still read."""
    path = folder / "mine.toml"
    eval_ = GENERATION.format(source="asked.jsonl")
    path.write_text(SUITE.format(train='"rows.jsonl"', select=keys, eval=eval_), encoding="utf-8")
    with pytest.raises(InputError) as raised:
        load_suite(path, rows=LocalRows().problems)
    assert [problem.where for problem in raised.value.problems] == [named, *others]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ('[[claim]]\nsays = "a/fulll > base"\non = "answers"', ["claim[0].says", "eval[0].data"]),
        ('[deploy]\nforms = ["merged"]\nmargin = { other = 0.1 }', ["deploy.margin.other", "eval[0].data"]),
        ('[data.b]\nmix = [{ data = "a", weight = 1 }, { data = "c", weight = 1 }]', ["data.b.mix[1].data"]),
    ],
)
def test_a_wrong_name_hides_rows_only_where_it_may_name_them(folder: Path, name: str, told: list[str]) -> None:
    path = folder / "mine.toml"
    suite = SUITE.format(train='"rows.jsonl"', select="", eval=GENERATION.format(source="asked.jsonl"))
    path.write_text(f"{suite}\n{name}", encoding="utf-8")
    with pytest.raises(InputError) as raised:
        load_suite(path, rows=LocalRows().problems)
    assert [problem.where for problem in raised.value.problems] == told


def test_profiles_with_the_same_rows_read_them_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, rows = list[Source](), LocalRows()

    def counted(table: RowTable, source: Source) -> list[Problem]:
        read.append(source)
        return reading(table, source)

    monkeypatch.setattr(selected, "read", counted)
    for _ in range(2):
        assert found(folder, rows, eval_=GENERATION.format(source="asked.jsonl")) == {
            "eval.no-reference": "eval[0].data"
        }
    assert len(read) == 2
