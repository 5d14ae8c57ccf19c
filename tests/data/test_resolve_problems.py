"""What a user is told about data that cannot be resolved."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.data.resolve import resolve_data
from bench.errors import InputError, Problem
from bench.suite.tables.data import Columns, DataSpec
from tests.data.resolving import answers_of, numbered_rows, problems_of, resolve_below, spec_of, write_rows


def test_a_faulty_row_of_a_folder_is_named_with_its_file(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    write_rows(folder / "a.jsonl", numbered_rows(5))
    write_rows(folder / "b.jsonl", [*numbered_rows(2), {"instruction": "Q", "output": ["a"]}])
    with pytest.raises(InputError) as caught:
        resolve_below(tmp_path, {"d": spec_of("parts")})
    assert [problem.where for problem in caught.value.problems] == ["parts/b.jsonl:3"]


def _fault(problem: Problem) -> tuple[str, str | None]:
    return problem.reference, problem.where


BAD: dict[str, tuple[str, str, str]] = {
    # content of rows.jsonl, expected reference, expected place
    "empty file": ("", "data.empty", "data.a.source"),
    "blank file": (" \n\n", "data.empty", "rows.jsonl"),
    "only empty answers": ('{"instruction": "Q", "output": ""}\n' * 3, "data.no-answers", "rows.jsonl"),
    "row 17 not JSON": ('{"prompt": "Q", "completion": "A"}\n' * 16 + "{oops\n", "data.not-json", "rows.jsonl:17"),
    "no known field": ('{"title": "x", "body": "y"}\n', "data.unknown-shape", "rows.jsonl:1"),
    "a missing field": (
        '{"prompt": "Q", "completion": "A"}\n' * 2 + '{"prompt": "Q", "anwser": "A"}\n',
        "data.missing-field",
        "rows.jsonl:3",
    ),
    "a list for text": ('{"prompt": "Q", "completion": ["A"]}\n', "data.not-text", "rows.jsonl:1"),
    "rows that are lists": ("[[1]]", "data.not-an-object", "rows.jsonl:1"),
    "a row that is text": ('{"prompt": "Q", "completion": "A"}\n"oops"\n', "data.not-an-object", "rows.jsonl:2"),
    "a broken surrogate": ('{"prompt": "Q", "completion": "\\ud800"}\n', "data.encoding", "rows.jsonl:1"),
    "an empty list": ("[]", "data.empty", "rows.jsonl"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told_with_its_row(tmp_path: Path, name: str) -> None:
    content, reference, where = BAD[name]
    (tmp_path / "rows.jsonl").write_text(content)
    [problem] = problems_of(tmp_path, {"a": spec_of()})
    assert _fault(problem) == (reference, where)


def test_a_missing_field_shows_the_fields_seen_and_how_to_map_them(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"title": "x", "body": "y"}\n')
    [problem] = problems_of(tmp_path, {"a": spec_of()})
    assert "fields seen: title, body" in problem.what
    assert "usual: messages, conversations, instruction and output," in problem.what
    assert problem.hint is not None
    assert "columns = { prompt" in problem.hint
    columns = Columns(prompt="title", completion="body")
    data = resolve_data({"a": DataSpec(source="rows.jsonl", columns=columns)}, base=tmp_path, home=tmp_path / "home")
    assert answers_of(data["a"]) == ["y"]


def test_a_fault_of_many_rows_is_one_problem_with_their_number(tmp_path: Path) -> None:
    others = [{"instruction": "Q", "output": {}}, ["no object"], "oops", {"instruction": [], "output": "A"}]
    write_rows(tmp_path / "rows.jsonl", [*numbered_rows(20), *({"instruction": "Q"} for _ in range(10)), *others])
    problems = problems_of(tmp_path, {"a": spec_of()})
    assert [problem.where for problem in problems] == [*(f"rows.jsonl:{n}" for n in (21, 31, 32)), "rows.jsonl"]
    assert "10 rows" in problems[0].what
    assert problems[-1].what == "2 more faulty rows"


@pytest.mark.parametrize("odd", [{"instruction": "Q", "output": {}}, {"instruction": "Q"}, [1]])
def test_one_odd_row_never_refuses_a_large_file_unless_the_suite_is_strict(tmp_path: Path, odd: Any) -> None:
    write_rows(tmp_path / "rows.jsonl", [*numbered_rows(150), odd])
    data = resolve_below(tmp_path, {"a": spec_of()})["a"]
    assert (data.rows, data.source_rows, sum(data.dropped.values())) == (150, 151, 1)
    assert next(iter(data.dropped)).startswith("cannot be read")
    with pytest.raises(InputError):
        resolve_below(tmp_path, {"a": DataSpec(source="rows.jsonl", odd_rows="strict")})


def test_rows_that_cannot_be_read_are_left_out_where_the_suite_says_so(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [*numbered_rows(3), *[{"instruction": "Q"}] * 3])
    problems_of(tmp_path, {"a": spec_of()})
    data = resolve_below(tmp_path, {"a": DataSpec(source="rows.jsonl", odd_rows="drop")})["a"]
    assert (data.rows, data.dropped) == (3, {"cannot be read (missing-field)": 3})


def test_a_list_that_breaks_off_is_refused_however_long_it_is(tmp_path: Path) -> None:
    """One faulty row in two hundred would be left out; what follows a broken element is lost without a count."""
    (tmp_path / "rows.jsonl").write_text("[" + ",".join(map(json.dumps, numbered_rows(200))) + ", {oops}, {}]")
    [problem] = problems_of(tmp_path, {"a": DataSpec(source="rows.jsonl", odd_rows="drop")})
    assert problem.reference == "data.not-json"


def test_all_missing_sources_are_told_at_once_with_the_nearest_name(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", numbered_rows(1))
    (tmp_path / "notes.txt").write_text("x")
    specs = {
        "a": spec_of("row.jsonl"),
        "b": spec_of("micro:curatd"),
        "c": spec_of("org/name"),
        "d": spec_of("./notes.txt"),
        "e": spec_of("gone/rows.jsonl"),
        "eval:f": spec_of("rosw.jsonl"),
    }
    problems = problems_of(tmp_path, specs)
    assert [_fault(problem) for problem in problems] == [
        ("data.missing-file", "data.a.source"),
        ("data.unknown-micro", "data.b.source"),
        ("data.not-fetched", "data.c.source"),
        ("data.format", "data.d.source"),
        ("data.missing-file", "data.e.source"),
        ("data.missing-file", "eval.f.data.source"),
    ]
    assert problems[0].hint == "did you mean 'rows.jsonl'?"
    assert problems[1].hint == "did you mean 'micro:curated'?"
    assert all(problem.hint for problem in problems)


def test_faults_of_several_files_come_together(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{")
    (tmp_path / "other.csv").write_text("title\nx\n")
    problems = problems_of(tmp_path, {"a": spec_of(), "b": spec_of("other.csv")})
    assert [problem.reference for problem in problems] == ["data.not-json", "data.unknown-shape"]


def test_more_rows_than_there_are_is_an_error_that_counts_them(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [*numbered_rows(10), {"instruction": "Q", "output": ""}])
    specs = {"a": spec_of(by="random", size=8), "eval:e": spec_of(by="holdout", size=3)}
    [problem] = problems_of(tmp_path, specs)
    assert _fault(problem) == ("data.too-few-rows", "data.a.select.size")
    assert "asks for 8 rows, rows.jsonl has 7" in problem.what
    assert "1 empty answer, 3 held out for evaluation" in problem.what
    assert problem.hint == "set it to 7 or less"


def test_a_holdout_that_takes_everything_leaves_nothing_to_train_on(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", numbered_rows(10))
    [problem] = problems_of(tmp_path, {"a": spec_of(), "eval:e": spec_of(by="holdout", size=10)})
    assert _fault(problem) == ("data.no-rows", "data.a.source")


def test_leaving_out_every_row_is_said_as_that(tmp_path: Path) -> None:
    """Columns are not what is wrong then."""
    write_rows(tmp_path / "rows.jsonl", [{"instruction": "Q", "output": "A", "images": ["x"]}] * 2)
    [problem] = problems_of(tmp_path, {"a": DataSpec(source="rows.jsonl", leave_out=("images",))})
    assert problem.what == "no row with both a prompt and an answer is left: with images (2)"
    assert "leave_out" in (problem.hint or "")
