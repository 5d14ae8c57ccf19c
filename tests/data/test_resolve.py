"""Resolving data: what is trained on, and what is held out."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench.data import micro
from bench.data.resolve import hub_data, resolve_data
from bench.data.select.selection import HELD_OUT
from bench.data.sources import read as reading
from bench.data.store import load_rows
from bench.suite.resolved import ResolvedData
from bench.suite.tables.data import DataSpec
from tests.data.resolving import answers_of, numbered_rows, resolve_below, spec_of, write_rows


@pytest.fixture
def resolved(tmp_path: Path) -> Callable[[Mapping[str, DataSpec]], dict[str, ResolvedData]]:
    return partial(resolve_below, tmp_path)


def test_rows_keep_their_order_their_origin_and_their_count(tmp_path: Path, resolved: Any) -> None:
    write_rows(
        tmp_path / "rows.jsonl", [*numbered_rows(3), {"instruction": "Q", "output": " "}, *numbered_rows(2, start=3)]
    )
    data = resolved({"a": spec_of()})["a"]
    assert (data.rows, data.source_rows, data.dropped) == (5, 6, {"empty answer": 1})
    assert [row.origin for row in load_rows(data.path)] == [f"rows.jsonl:{n}" for n in (1, 2, 3, 5, 6)]
    assert data.revision is None


def test_no_training_data_holds_a_held_out_row(tmp_path: Path, resolved: Any) -> None:
    """Nor its double in the same file, nor the same row in another file, another spelling or another shape."""
    write_rows(tmp_path / "rows.jsonl", [*numbered_rows(100), *numbered_rows(100)])
    respelled = [{"prompt": f"  do {n}. ", "completion": f"DONE {n}."} for n in range(150)]
    write_rows(tmp_path / "other.jsonl", respelled)
    found = resolved(
        {
            "all": spec_of(),
            "some": spec_of(by="random", size=120),
            "other": spec_of("other.jsonl"),
            "eval:loss": spec_of(by="holdout", size=30),
        }
    )
    held = set(answers_of(found["eval:loss"]))
    assert len(held) == 30, "thirty distinct rows, though each stands twice in the file"
    assert found["eval:loss"].dropped == {"duplicate": 100}
    for name, removed in {"all": 60, "some": 60, "other": 30}.items():
        assert not {answer.capitalize() for answer in answers_of(found[name])} & held
        assert found[name].dropped == {HELD_OUT: removed}
    assert found["all"].rows == 140


def test_a_development_set_shares_no_row_with_an_eval(tmp_path: Path, resolved: Any) -> None:
    write_rows(tmp_path / "rows.jsonl", numbered_rows(100))
    found = resolved(
        {"dev": spec_of(by="holdout", size=40), "train": spec_of(), "eval:loss": spec_of(by="holdout", size=40)}
    )
    parts = [set(answers_of(found[name])) for name in ("dev", "train", "eval:loss")]
    assert [len(part) for part in parts] == [40, 20, 40]
    assert len(set.union(*parts)) == 100
    assert list(found) == ["dev", "train", "eval:loss"]


def test_an_eval_that_is_no_holdout_keeps_all_rows(tmp_path: Path, resolved: Any) -> None:
    write_rows(tmp_path / "rows.jsonl", numbered_rows(10))
    found = resolved({"eval:a": spec_of(by="holdout", size=5), "eval:b": spec_of()})
    assert found["eval:b"].rows == 10


def test_the_hash_follows_the_rows_and_nothing_else(tmp_path: Path, resolved: Any) -> None:
    write_rows(tmp_path / "rows.jsonl", numbered_rows(10))
    write_rows(tmp_path / "copy.jsonl", numbered_rows(10))
    (tmp_path / "list.json").write_text(json.dumps(numbered_rows(10)))
    found = resolved({name: spec_of(name) for name in ("rows.jsonl", "copy.jsonl", "list.json")})
    assert len({data.sha256 for data in found.values()}) == 1
    write_rows(tmp_path / "rows.jsonl", [*numbered_rows(9), {"instruction": "Do 9.", "output": "Done, 9."}])
    assert resolved({"a": spec_of()})["a"].sha256 != found["copy.jsonl"].sha256


def test_a_repeat_reads_nothing_and_a_changed_file_is_read_again(
    tmp_path: Path, resolved: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows(tmp_path / "rows.jsonl", numbered_rows(20))
    specs = {"a": spec_of(), "b": spec_of(by="random", size=5)}
    read: list[str] = []
    real = reading.records
    monkeypatch.setattr(reading, "records", lambda path, source: (read.append(source), real(path, source=source))[1])
    first = resolved(specs)
    assert read == ["rows.jsonl"], "one reading for both"
    assert resolved(specs) == first
    assert read == ["rows.jsonl"]
    write_rows(tmp_path / "rows.jsonl", numbered_rows(21))
    assert resolved(specs)["a"].rows == 21
    resolved({**specs, "b": spec_of(by="random", size=5, seed=1)})
    assert len(read) == 3


def test_a_damaged_or_deleted_selection_is_made_again(tmp_path: Path, resolved: Any) -> None:
    write_rows(tmp_path / "rows.jsonl", numbered_rows(20))
    first = resolved({"a": spec_of()})
    whole = Path(first["a"].path).read_bytes()
    for damage in (lambda path: path.write_bytes(whole[:-3]), lambda path: path.unlink()):
        damage(Path(first["a"].path))
        assert resolved({"a": spec_of()}) == first
        assert Path(first["a"].path).read_bytes() == whole
    for memo in (tmp_path / "home" / "data" / "resolved").iterdir():
        memo.write_text('{"a": 7}')
    assert resolved({"a": spec_of()}) == first


def test_a_moved_home_is_still_good(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", numbered_rows(20))
    resolve_data({"a": spec_of()}, base=tmp_path, home=tmp_path / "home")
    (tmp_path / "home").rename(tmp_path / "moved")
    data = resolve_data({"a": spec_of()}, base=tmp_path, home=tmp_path / "moved")["a"]
    assert Path(data.path).is_relative_to(tmp_path / "moved")
    assert len(load_rows(data.path)) == 20


def test_micro_rows_are_data_like_any_other(resolved: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def fake(name: str, seed: int = 0) -> list[dict[str, Any]]:
        calls.append(name)
        return numbered_rows(40)

    monkeypatch.setattr(micro, "judged_rows", fake)
    specs = {
        "a": spec_of("micro:mixed"),
        "b": spec_of("micro:mixed", by="random", size=10),
        "c": spec_of("micro:curated"),
    }
    found = resolved(specs)
    assert [found[name].rows for name in specs] == [40, 10, 40]
    assert load_rows(found["a"].path)[0].origin == "micro:mixed:1"
    assert calls == ["mixed", "curated"]


def test_micro_rows_can_be_selected_by_their_score(resolved: Any) -> None:
    best = DataSpec.model_validate(
        {"source": "micro:curated", "select": {"by": "score", "column": "quality", "minimum": 4.5}}
    )
    found = resolved({"all": spec_of("micro:curated"), "best": best})
    assert 300 < found["best"].rows < 500
    assert {row.turns for row in load_rows(found["best"].path)} < {row.turns for row in load_rows(found["all"].path)}


def test_the_real_micro_world_resolves(resolved: Any) -> None:
    found = resolved({"a": spec_of("micro:curated"), "eval:h": spec_of("micro:heldout", by="holdout", size=500)})
    held_out = found["a"].dropped.get(HELD_OUT, 0)
    assert (found["a"].rows + held_out, found["a"].source_rows, found["eval:h"].rows) == (1000, 1000, 500)


def test_fetched_hub_data_carries_its_commit(tmp_path: Path) -> None:
    write_rows(file := tmp_path / "abc.jsonl", numbered_rows(5))
    file.with_suffix(".note.json").write_text(json.dumps({"revision": "c" * 40}))
    specs = {"a": spec_of("org/name"), "b": spec_of("rows.jsonl")}
    assert list(hub_data(specs, base=tmp_path)) == ["a"]
    found = resolve_data({"a": specs["a"]}, base=tmp_path, home=tmp_path / "home", fetched={"a": file})
    assert found["a"].revision == "c" * 40
    assert load_rows(found["a"].path)[0].origin == "org/name:1"


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
    write_rows(tmp_path / "rows.jsonl", numbered_rows(4))
    specs = {
        name: DataSpec.model_validate({"source": "rows.jsonl", "odd_rows": odd})
        for name, odd in zip("ab", parts, strict=True)
    }
    mix = [{"data": "a", "weight": 1}, {"data": "b", "weight": 1}]
    specs["m"] = DataSpec.model_validate({"mix": mix} | ({} if own is None else {"odd_rows": own}))
    assert resolved(specs)["m"].odd_rows == expected


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
    write_rows(tmp_path / "rows.jsonl", records)
    data = resolved({"a": spec_of()})["a"]
    assert data.notes == {"column `rubric` not used": 9, "message key `mood` not used": 9}
    assert resolved({"a": DataSpec(source="rows.jsonl", ignore=("rubric", "mood"))})["a"].notes == {}


@pytest.mark.parametrize("name", ["source", "language"])
def test_where_groups_of_rows_are_from_means_nothing_and_what_differs_by_row_is_named(
    name: str, tmp_path: Path, resolved: Any
) -> None:
    """Nearly every public file has such a column; a text to translate may have the same name."""
    for differing, notes in ((2, {}), (20, {f"column `{name}` not used": 20})):
        records = [{"prompt": f"Q{n}", "completion": "A", name: f"part {n % differing}"} for n in range(20)]
        write_rows(tmp_path / "rows.jsonl", records)
        assert resolved({"a": spec_of()})["a"].notes == notes


def test_the_origin_of_a_row_of_a_folder_says_its_file(tmp_path: Path, resolved: Any) -> None:
    (tmp_path / "parts" / "sub").mkdir(parents=True)
    write_rows(tmp_path / "parts" / "a.jsonl", numbered_rows(2))
    write_rows(tmp_path / "parts" / "sub" / "b.jsonl", numbered_rows(2, start=2))
    data = resolved({"d": spec_of("parts")})["d"]
    origins = [f"parts/{name}" for name in ("a.jsonl:1", "a.jsonl:2", "sub/b.jsonl:1", "sub/b.jsonl:2")]
    assert [row.origin for row in load_rows(data.path)] == origins
