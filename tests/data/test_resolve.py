"""Resolving data: what is trained on, what is held out, and what a user is told about a bad file."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.data import micro
from bench.data.resolve import hub_data, resolve_data
from bench.data.select.selection import HELD_OUT
from bench.data.sources import read as reading
from bench.data.store import load_rows
from bench.errors import InputError, Problem
from bench.suite.resolved import ResolvedData
from bench.suite.tables.data import Columns, DataSpec, Select


def _rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"instruction": f"Do {n}.", "input": "", "output": f"Done {n}."} for n in range(start, start + count)]


def _write(path: Path, rows: list[Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _spec(source: str = "rows.jsonl", **select: Any) -> DataSpec:
    return DataSpec(source=source, select=Select.model_validate(select))


@pytest.fixture
def resolved(tmp_path: Path) -> Callable[[Mapping[str, DataSpec]], dict[str, ResolvedData]]:
    return lambda specs: resolve_data(specs, base=tmp_path, home=tmp_path / "home")


def _problems(tmp_path: Path, specs: Mapping[str, DataSpec]) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        resolve_data(specs, base=tmp_path, home=tmp_path / "home")
    left = [path for path in (tmp_path / "home").rglob("*") if path.is_file() and path.suffix != ".jsonl"]
    assert left == [], "nothing half-written"
    return caught.value.problems


def _answers(data: ResolvedData) -> list[str]:
    return [row.answer for row in load_rows(data.path)]


def test_rows_keep_their_order_their_origin_and_their_count(tmp_path: Path, resolved: Any) -> None:
    _write(tmp_path / "rows.jsonl", [*_rows(3), {"instruction": "Q", "output": " "}, *_rows(2, start=3)])
    data = resolved({"a": _spec()})["a"]
    assert (data.rows, data.source_rows, data.dropped) == (5, 6, {"empty answer": 1})
    assert [row.origin for row in load_rows(data.path)] == [f"rows.jsonl:{n}" for n in (1, 2, 3, 5, 6)]
    assert data.revision is None


def test_no_training_data_holds_a_held_out_row(tmp_path: Path, resolved: Any) -> None:
    """Nor its double in the same file, nor the same row in another file, another spelling or another shape."""
    _write(tmp_path / "rows.jsonl", [*_rows(100), *_rows(100)])
    respelled = [{"prompt": f"  do {n}. ", "completion": f"DONE {n}."} for n in range(150)]
    _write(tmp_path / "other.jsonl", respelled)
    found = resolved(
        {
            "all": _spec(),
            "some": _spec(by="random", size=120),
            "other": _spec("other.jsonl"),
            "eval:loss": _spec(by="holdout", size=30),
        }
    )
    held = set(_answers(found["eval:loss"]))
    assert len(held) == 30, "thirty distinct rows, though each stands twice in the file"
    assert found["eval:loss"].dropped == {"duplicate": 100}
    for name, removed in {"all": 60, "some": 60, "other": 30}.items():
        assert not {answer.capitalize() for answer in _answers(found[name])} & held
        assert found[name].dropped == {HELD_OUT: removed}
    assert found["all"].rows == 140


def test_a_development_set_shares_no_row_with_an_eval(tmp_path: Path, resolved: Any) -> None:
    _write(tmp_path / "rows.jsonl", _rows(100))
    found = resolved({"dev": _spec(by="holdout", size=40), "train": _spec(), "eval:loss": _spec(by="holdout", size=40)})
    parts = [set(_answers(found[name])) for name in ("dev", "train", "eval:loss")]
    assert [len(part) for part in parts] == [40, 20, 40]
    assert len(set.union(*parts)) == 100
    assert list(found) == ["dev", "train", "eval:loss"]


def test_an_eval_that_is_no_holdout_keeps_all_rows(tmp_path: Path, resolved: Any) -> None:
    _write(tmp_path / "rows.jsonl", _rows(10))
    found = resolved({"eval:a": _spec(by="holdout", size=5), "eval:b": _spec()})
    assert found["eval:b"].rows == 10


def test_the_hash_follows_the_rows_and_nothing_else(tmp_path: Path, resolved: Any) -> None:
    _write(tmp_path / "rows.jsonl", _rows(10))
    _write(tmp_path / "copy.jsonl", _rows(10))
    (tmp_path / "list.json").write_text(json.dumps(_rows(10)))
    found = resolved({name: _spec(name) for name in ("rows.jsonl", "copy.jsonl", "list.json")})
    assert len({data.sha256 for data in found.values()}) == 1
    _write(tmp_path / "rows.jsonl", [*_rows(9), {"instruction": "Do 9.", "output": "Done, 9."}])
    assert resolved({"a": _spec()})["a"].sha256 != found["copy.jsonl"].sha256


def test_a_repeat_reads_nothing_and_a_changed_file_is_read_again(
    tmp_path: Path, resolved: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "rows.jsonl", _rows(20))
    specs = {"a": _spec(), "b": _spec(by="random", size=5)}
    read: list[str] = []
    real = reading.records
    monkeypatch.setattr(reading, "records", lambda path, source: (read.append(source), real(path, source=source))[1])
    first = resolved(specs)
    assert read == ["rows.jsonl"], "one reading for both"
    assert resolved(specs) == first
    assert read == ["rows.jsonl"]
    _write(tmp_path / "rows.jsonl", _rows(21))
    assert resolved(specs)["a"].rows == 21
    resolved({**specs, "b": _spec(by="random", size=5, seed=1)})
    assert len(read) == 3


def test_a_damaged_or_deleted_selection_is_made_again(tmp_path: Path, resolved: Any) -> None:
    _write(tmp_path / "rows.jsonl", _rows(20))
    first = resolved({"a": _spec()})
    whole = Path(first["a"].path).read_bytes()
    for damage in (lambda path: path.write_bytes(whole[:-3]), lambda path: path.unlink()):
        damage(Path(first["a"].path))
        assert resolved({"a": _spec()}) == first
        assert Path(first["a"].path).read_bytes() == whole
    for memo in (tmp_path / "home" / "data" / "resolved").iterdir():
        memo.write_text('{"a": 7}')
    assert resolved({"a": _spec()}) == first


def test_a_moved_home_is_still_good(tmp_path: Path) -> None:
    _write(tmp_path / "rows.jsonl", _rows(20))
    resolve_data({"a": _spec()}, base=tmp_path, home=tmp_path / "home")
    (tmp_path / "home").rename(tmp_path / "moved")
    data = resolve_data({"a": _spec()}, base=tmp_path, home=tmp_path / "moved")["a"]
    assert Path(data.path).is_relative_to(tmp_path / "moved")
    assert len(load_rows(data.path)) == 20


def test_micro_rows_are_data_like_any_other(resolved: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def fake(name: str, seed: int = 0) -> list[dict[str, Any]]:
        calls.append(name)
        return _rows(40)

    monkeypatch.setattr(micro, "judged_rows", fake)
    specs = {"a": _spec("micro:mixed"), "b": _spec("micro:mixed", by="random", size=10), "c": _spec("micro:curated")}
    found = resolved(specs)
    assert [found[name].rows for name in specs] == [40, 10, 40]
    assert load_rows(found["a"].path)[0].origin == "micro:mixed:1"
    assert calls == ["mixed", "curated"]


def test_a_faulty_row_of_a_folder_is_named_with_its_file(resolved: Any, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    _write(folder / "a.jsonl", _rows(5))
    _write(folder / "b.jsonl", [*_rows(2), {"instruction": "Q", "output": ["a"]}])
    with pytest.raises(InputError) as caught:
        resolved({"d": _spec("parts")})
    assert [problem.where for problem in caught.value.problems] == ["parts/b.jsonl:3"]


def test_micro_rows_can_be_selected_by_their_score(resolved: Any) -> None:
    best = DataSpec.model_validate(
        {"source": "micro:curated", "select": {"by": "score", "column": "quality", "minimum": 4.5}}
    )
    found = resolved({"all": _spec("micro:curated"), "best": best})
    assert 300 < found["best"].rows < 500
    assert {row.turns for row in load_rows(found["best"].path)} < {row.turns for row in load_rows(found["all"].path)}


def test_the_real_micro_world_resolves(resolved: Any) -> None:
    found = resolved({"a": _spec("micro:curated"), "eval:h": _spec("micro:heldout", by="holdout", size=500)})
    held_out = found["a"].dropped.get(HELD_OUT, 0)
    assert (found["a"].rows + held_out, found["a"].source_rows, found["eval:h"].rows) == (1000, 1000, 500)


def test_fetched_hub_data_carries_its_commit(tmp_path: Path) -> None:
    _write(file := tmp_path / "abc.jsonl", _rows(5))
    file.with_suffix(".note.json").write_text(json.dumps({"revision": "c" * 40}))
    specs = {"a": _spec("org/name"), "b": _spec("rows.jsonl")}
    assert list(hub_data(specs, base=tmp_path)) == ["a"]
    found = resolve_data({"a": specs["a"]}, base=tmp_path, home=tmp_path / "home", fetched={"a": file})
    assert found["a"].revision == "c" * 40
    assert load_rows(found["a"].path)[0].origin == "org/name:1"


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
    [problem] = _problems(tmp_path, {"a": _spec()})
    assert _fault(problem) == (reference, where)


def test_a_missing_field_shows_the_fields_seen_and_how_to_map_them(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"title": "x", "body": "y"}\n')
    [problem] = _problems(tmp_path, {"a": _spec()})
    assert "fields seen: title, body" in problem.what
    assert "usual: messages, conversations, instruction and output," in problem.what
    assert problem.hint is not None
    assert "columns = { prompt" in problem.hint
    columns = Columns(prompt="title", completion="body")
    data = resolve_data({"a": DataSpec(source="rows.jsonl", columns=columns)}, base=tmp_path, home=tmp_path / "home")
    assert _answers(data["a"]) == ["y"]


def test_a_fault_of_many_rows_is_one_problem_with_their_number(tmp_path: Path) -> None:
    others = [{"instruction": "Q", "output": {}}, ["no object"], "oops", {"instruction": [], "output": "A"}]
    _write(tmp_path / "rows.jsonl", [*_rows(20), *({"instruction": "Q"} for _ in range(10)), *others])
    problems = _problems(tmp_path, {"a": _spec()})
    assert [problem.where for problem in problems] == [*(f"rows.jsonl:{n}" for n in (21, 31, 32)), "rows.jsonl"]
    assert "10 rows" in problems[0].what
    assert problems[-1].what == "2 more faulty rows"


@pytest.mark.parametrize("odd", [{"instruction": "Q", "output": {}}, {"instruction": "Q"}, [1]])
def test_one_odd_row_never_refuses_a_large_file_unless_the_suite_is_strict(
    tmp_path: Path, resolved: Any, odd: Any
) -> None:
    _write(tmp_path / "rows.jsonl", [*_rows(150), odd])
    data = resolved({"a": _spec()})["a"]
    assert (data.rows, data.source_rows, sum(data.dropped.values())) == (150, 151, 1)
    assert next(iter(data.dropped)).startswith("cannot be read")
    with pytest.raises(InputError):
        resolved({"a": DataSpec(source="rows.jsonl", odd_rows="strict")})


def test_rows_that_cannot_be_read_are_left_out_where_the_suite_says_so(tmp_path: Path, resolved: Any) -> None:
    _write(tmp_path / "rows.jsonl", [*_rows(3), *[{"instruction": "Q"}] * 3])
    _problems(tmp_path, {"a": _spec()})
    data = resolved({"a": DataSpec(source="rows.jsonl", odd_rows="drop")})["a"]
    assert (data.rows, data.dropped) == (3, {"cannot be read (missing-field)": 3})


@pytest.mark.parametrize(
    ("parts", "own", "expected"),
    [
        (("repair", "repair"), None, "repair"),
        (("repair", "drop"), None, "drop"),
        (("drop", "strict"), None, "strict"),
        (("drop", "strict"), "repair", "repair"),
    ],
)
def test_a_mix_treats_odd_rows_as_its_parts_do_unless_it_says_so(
    tmp_path: Path, resolved: Any, parts: tuple[str, str], own: str | None, expected: str
) -> None:
    _write(tmp_path / "rows.jsonl", _rows(4))
    specs = {
        name: DataSpec.model_validate({"source": "rows.jsonl", "odd_rows": odd})
        for name, odd in zip("ab", parts, strict=True)
    }
    mix = [{"data": "a", "weight": 1}, {"data": "b", "weight": 1}]
    specs["m"] = DataSpec.model_validate({"mix": mix} | ({} if own is None else {"odd_rows": own}))
    assert resolved(specs)["m"].odd_rows == expected


def test_a_list_that_breaks_off_is_refused_however_long_it_is(tmp_path: Path) -> None:
    """One faulty row in two hundred would be left out; what follows a broken element is lost without a count."""
    (tmp_path / "rows.jsonl").write_text("[" + ",".join(map(json.dumps, _rows(200))) + ", {oops}, {}]")
    [problem] = _problems(tmp_path, {"a": DataSpec(source="rows.jsonl", odd_rows="drop")})
    assert problem.reference == "data.not-json"


def test_what_no_one_reads_is_named_once_with_its_number(tmp_path: Path, resolved: Any) -> None:
    odd = {"role": "assistant", "content": "A", "mood": "glad"}
    records = [
        {
            "messages": [{"role": "user", "content": f"Q{n}"}, odd],
            "rubric": "r",
            "id": n,
            "rare": "x" if n < 2 else None,
        }
        for n in range(9)
    ]
    _write(tmp_path / "rows.jsonl", records)
    data = resolved({"a": _spec()})["a"]
    assert data.notes == {"column `rubric` not used": 9, "message key `mood` not used": 9}
    assert resolved({"a": DataSpec(source="rows.jsonl", ignore=("rubric", "mood"))})["a"].notes == {}


@pytest.mark.parametrize("name", ["source", "language"])
def test_where_groups_of_rows_are_from_means_nothing_and_what_differs_by_row_is_named(
    name: str, tmp_path: Path, resolved: Any
) -> None:
    """Nearly every public file has such a column; a text to translate may have the same name."""
    for differing, notes in ((2, {}), (20, {f"column `{name}` not used": 20})):
        records = [{"prompt": f"Q{n}", "completion": "A", name: f"part {n % differing}"} for n in range(20)]
        _write(tmp_path / "rows.jsonl", records)
        assert resolved({"a": _spec()})["a"].notes == notes


def test_the_origin_of_a_row_of_a_folder_says_its_file(tmp_path: Path, resolved: Any) -> None:
    (tmp_path / "parts" / "sub").mkdir(parents=True)
    _write(tmp_path / "parts" / "a.jsonl", _rows(2))
    _write(tmp_path / "parts" / "sub" / "b.jsonl", _rows(2, start=2))
    data = resolved({"d": _spec("parts")})["d"]
    origins = [f"parts/{name}" for name in ("a.jsonl:1", "a.jsonl:2", "sub/b.jsonl:1", "sub/b.jsonl:2")]
    assert [row.origin for row in load_rows(data.path)] == origins


def test_all_missing_sources_are_told_at_once_with_the_nearest_name(tmp_path: Path) -> None:
    _write(tmp_path / "rows.jsonl", _rows(1))
    (tmp_path / "notes.txt").write_text("x")
    specs = {
        "a": _spec("row.jsonl"),
        "b": _spec("micro:curatd"),
        "c": _spec("org/name"),
        "d": _spec("./notes.txt"),
        "e": _spec("gone/rows.jsonl"),
        "eval:f": _spec("rosw.jsonl"),
    }
    problems = _problems(tmp_path, specs)
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
    problems = _problems(tmp_path, {"a": _spec(), "b": _spec("other.csv")})
    assert [problem.reference for problem in problems] == ["data.not-json", "data.unknown-shape"]


def test_more_rows_than_there_are_is_an_error_that_counts_them(tmp_path: Path) -> None:
    _write(tmp_path / "rows.jsonl", [*_rows(10), {"instruction": "Q", "output": ""}])
    specs = {"a": _spec(by="random", size=8), "eval:e": _spec(by="holdout", size=3)}
    [problem] = _problems(tmp_path, specs)
    assert _fault(problem) == ("data.too-few-rows", "data.a.select.size")
    assert "asks for 8 rows, rows.jsonl has 7" in problem.what
    assert "1 empty answer, 3 held out for evaluation" in problem.what
    assert problem.hint == "set it to 7 or less"


def test_a_holdout_that_takes_everything_leaves_nothing_to_train_on(tmp_path: Path) -> None:
    _write(tmp_path / "rows.jsonl", _rows(10))
    [problem] = _problems(tmp_path, {"a": _spec(), "eval:e": _spec(by="holdout", size=10)})
    assert _fault(problem) == ("data.no-rows", "data.a.source")


def test_leaving_out_every_row_is_said_as_that(tmp_path: Path) -> None:
    """Columns are not what is wrong then."""
    _write(tmp_path / "rows.jsonl", [{"instruction": "Q", "output": "A", "images": ["x"]}] * 2)
    [problem] = _problems(tmp_path, {"a": DataSpec(source="rows.jsonl", leave_out=("images",))})
    assert problem.what == "no row with both a prompt and an answer is left: with images (2)"
    assert "leave_out" in (problem.hint or "")
