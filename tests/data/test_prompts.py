"""Prompts without answers: asked by evals, never trained on."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.data.render.row import Row
from bench.data.resolve import resolve_data
from bench.data.store import load_rows
from bench.errors import InputError
from bench.evals.outcome import row_ids
from bench.suite.tables.data import Columns, DataSpec, PromptColumns, PromptSpec, Select


def rows(folder: Path, records: list[dict[str, Any]], spec: DataSpec | None = None) -> list[Row]:
    (folder / "x.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    name = "eval:x"
    found = resolve_data({name: spec or PromptSpec(source="x.jsonl")}, base=folder, home=folder / "home")
    return load_rows(Path(found[name].path))


def said(row: Row) -> list[tuple[str, str]]:
    return [(turn.role, turn.content) for turn in row.turns]


@pytest.mark.parametrize("field", ["prompt", "question", "instruction", "text"])
def test_a_prompt_alone_is_asked_with_its_answer_left_open(tmp_path: Path, field: str) -> None:
    (row,) = rows(tmp_path, [{field: "Why?"}])
    assert said(row) == [("user", "Why?"), ("assistant", "")]


def test_turns_are_the_users(tmp_path: Path) -> None:
    """MT-Bench's file: the second turn is asked after the subject's own answer to the first."""
    records = [
        {"question_id": 81, "turns": ["Write.", "Again."]},
        {"question_id": 82, "turns": ["2+2?", "+1?"], "reference": ["4", "5"]},
    ]
    first, second = rows(tmp_path, records)
    assert said(first) == [("user", "Write."), ("assistant", ""), ("user", "Again."), ("assistant", "")]
    assert said(second)[1:] == [("assistant", ""), ("user", "+1?"), ("assistant", "5")]


def test_an_answer_that_is_there_is_the_reference(tmp_path: Path) -> None:
    records = [
        {"instruction": "Why?", "input": "Now", "output": "Because."},
        {"instruction": "Why?", "input": "", "output": ""},
    ]
    first, second = rows(tmp_path, records)
    assert (first.answer, first.turns[0].input) == ("Because.", "Now")
    assert second.answer == ""


def test_messages_that_end_with_the_user_are_a_prompt(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, [{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]}])
    assert said(row) == [("system", "S"), ("user", "U"), ("assistant", "")]


def test_columns_need_no_completion(tmp_path: Path) -> None:
    spec = PromptSpec(source="x.jsonl", columns=PromptColumns(prompt="q"))
    assert said(rows(tmp_path, [{"q": "Why?"}], spec)[0]) == [("user", "Why?"), ("assistant", "")]
    with pytest.raises(ValueError, match="completion"):
        Columns(prompt="q")


def test_the_same_file_still_trains_on_answers_only(tmp_path: Path) -> None:
    """An open answer in training would teach the model to end at once."""
    records = [{"instruction": "a", "output": "b"}, {"instruction": "c", "output": ""}]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    counts = []
    for spec in (DataSpec(source="x.jsonl"), PromptSpec(source="x.jsonl"), DataSpec(source="x.jsonl")):
        found = resolve_data({"eval:x": spec}, base=tmp_path, home=tmp_path / "home")
        counts.append(found["eval:x"].rows)
    assert counts == [1, 2, 1], "nor does what was kept from one reading serve the other"


def test_training_on_prompts_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"prompt": "Why?"}\n')
    with pytest.raises(InputError, match="no column that is known as an answer"):
        resolve_data({"train": DataSpec(source="x.jsonl")}, base=tmp_path, home=tmp_path / "home")


def test_question_files_as_published_are_read(shared_dir: Path, tmp_path: Path) -> None:
    specs = {
        f"eval:{name}": PromptSpec(source=str(shared_dir / "data" / "questions" / f"{name}.jsonl"))
        for name in ("mt_bench", "vicuna_80")
    }
    found = resolve_data(specs, base=tmp_path, home=tmp_path / "home")
    assert [found[name].rows for name in specs] == [80, 80]
    assert {len(row.turns) for row in load_rows(Path(found["eval:mt_bench"].path))} == {4}


def test_columns_that_an_eval_slices_by_stay_with_its_rows(tmp_path: Path) -> None:
    """They are no part of what is asked, and an eval's row stays held out of what is trained on."""
    records = [
        {"prompt": f"p{n}", "completion": f"c{n}", "hue": ["a", "b"][n % 2], "tags": ["x", "x", n]} for n in range(6)
    ]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    held = DataSpec(source="x.jsonl", select=Select(by="holdout", size=2))
    found = resolve_data(
        {"eval:x": held, "train": DataSpec(source="x.jsonl")},
        base=tmp_path,
        home=tmp_path / "home",
        slices={"eval:x": ("hue", "tags", "absent")},
    )
    rows = load_rows(Path(found["eval:x"].path))
    assert len({*rows[0].turns, *rows[0].turns}) == 2, "a turn can be hashed"
    for row in rows:
        number = row.turns[0].content[1:]
        assert dict(row.turns[-1].slices) == {"hue": (["a", "b"][int(number) % 2],), "tags": ("x", number)}
    assert "column `hue` not used" not in found["eval:x"].notes
    assert "column `hue` not used" in found["train"].notes
    assert found["train"].rows == 4
    plain = resolve_data({"eval:x": held}, base=tmp_path, home=tmp_path / "home")["eval:x"]
    assert row_ids(load_rows(Path(plain.path))) == row_ids(rows)
