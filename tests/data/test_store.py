"""Stored selections: a torn or changed file must never be trained on."""

import json
from pathlib import Path

import pytest

from bench.data.formats.chat.turns import texts_of
from bench.data.render.row import Row, Turn
from bench.data.store import atomic, is_whole, load_rows, load_turns, write_rows
from bench.errors import InputError

TURNS = [
    [{"role": "user", "content": "Q\u2028\x85\r1", "input": "I"}, {"role": "assistant", "content": "A\n<é>"}],
    [{"role": "user", "content": "Q2"}, {"role": "assistant", "content": "A2"}],
]


def _pairs(origin: str = "x.jsonl") -> list[tuple[bytes, str]]:
    dumped = [json.dumps(turns, ensure_ascii=False).encode() for turns in TURNS]
    return [(turns, f"{origin}:{row}") for row, turns in enumerate(dumped, start=1)]


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    path, _ = write_rows(_pairs(), tmp_path)
    rows = load_rows(path)
    assert len(rows) == 2
    assert rows[0] == Row(
        turns=(Turn(role="user", content="Q\u2028\x85\r1", input="I"), Turn(role="assistant", content="A\n<é>")),
        origin="x.jsonl:1",
    )
    assert [row.origin for row in rows] == ["x.jsonl:1", "x.jsonl:2"]
    assert [row.answer for row in rows[1:]] == ["A2"]
    assert rows[-1].prompt == (Turn(role="user", content="Q2"),)


def test_turns_without_their_types_say_the_same_in_the_same_order(tmp_path: Path) -> None:
    """Only a line feed ends a row: text may hold other separators."""
    call = {"name": "f", "arguments": {"b": 1.5, "a": ["\u2028"]}, "id": None}
    answer = {"role": "assistant", "content": "", "reasoning": "r\n", "tool_calls": [call]}
    rows = [[{"role": "user", "content": "q\u0085", "input": "i"}, answer], [{"role": "text", "content": "plain"}]]
    written, _ = write_rows(((json.dumps(turns).encode(), "x:1") for turns in rows), tmp_path)
    assert list(load_turns(written)) == rows
    typed = [[turn.model_dump(exclude_defaults=True) for turn in row.turns] for row in load_rows(written)]
    assert [[texts_of(turn) for turn in turns] for turns in typed] == [
        [texts_of(turn) for turn in turns] for turns in load_turns(written)
    ]


def test_the_hash_is_of_the_rows_in_order_and_not_of_where_they_lay(tmp_path: Path) -> None:
    _, sha256 = write_rows(_pairs(), tmp_path)
    assert write_rows(_pairs("other.json"), tmp_path)[1] == sha256
    assert write_rows(reversed(_pairs()), tmp_path)[1] != sha256


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    path, _ = write_rows(_pairs(), tmp_path)
    assert is_whole(path)
    path.write_bytes(path.read_bytes()[:-5])
    assert not is_whole(path)
    assert not is_whole(tmp_path / "gone.jsonl")


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def rows():  # type: ignore[no-untyped-def]
        yield _pairs()[0]
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        write_rows(rows(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    def rows():  # type: ignore[no-untyped-def]
        yield _pairs()[0]
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="No space left on device") as caught:
        write_rows(rows(), tmp_path)
    assert caught.value.problems[0].reference == "home.not-writable"


def test_a_home_that_is_a_file_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(InputError) as caught:
        write_rows(_pairs(), tmp_path / "home" / "data")
    assert caught.value.problems[0].hint is not None


def test_a_file_that_is_named_after_writing_is_the_users_like_every_other(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with atomic(tmp_path / "new") as (file, finish):
        file.write(b"rows")
        path = finish("named.jsonl")
    assert path == tmp_path / "new" / "named.jsonl"
    assert path.read_bytes() == b"rows"
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert list(path.parent.iterdir()) == [path]
