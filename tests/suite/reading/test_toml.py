"""A file that is no suite must be refused with its place, whatever its bytes are."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import InputError, Problem
from bench.suite.reading.toml import MAX_BYTES, depth, parse_toml, read_toml


def refused(path: Path) -> Problem:
    with pytest.raises(InputError) as caught:
        read_toml(path, kind="suite")
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("a = 1\nb = \n", ":2:5", "invalid value"),
        ("a = 1\na = 2\n", ":2:6", "given before"),
        ("[a]\n[a]\n", ":2:3", "given before"),
        ("a = 'x\n", ":2", "expected"),
        ("a = 1\x00", ":1:6", ""),
        ("x = [1,\n", ":2", "invalid value"),
    ],
)
def test_a_syntax_error_gives_line_and_column(tmp_path: Path, text: str, place: str, what: str) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(text.encode())
    problem = refused(path)
    assert problem.reference == "suite.syntax"
    assert problem.where == f"{path}{place}"
    assert what in problem.what


def test_the_offending_line_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("a = 1\nseeds = [0,, 1]\n")
    assert refused(path).hint == "line 2 reads: seeds = [0,, 1]"


def test_bytes_that_are_not_utf8_are_placed(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b'a = 1\nb = "\xff"\n')
    problem = refused(path)
    assert (problem.reference, problem.where) == ("suite.encoding", f"{path}:2:6")


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b'\xef\xbb\xbfa = 1\r\nb = "c"\r\n')
    assert read_toml(path, kind="suite")[0] == {"a": 1, "b": "c"}


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe.toml"
    os.mkfifo(fifo)
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    assert "folder" in refused(tmp_path).what
    assert "pipe" in refused(fifo).what
    assert "too many" in refused(large).what
    assert refused(tmp_path / "none.toml").reference == "suite.missing"
    for kind, hint in {"suite": "bench list suites", "card": "bench list models", "make": "check the path"}.items():
        with pytest.raises(InputError) as caught:
            read_toml(tmp_path / "none.toml", kind=kind)
        assert (caught.value.problems[0].hint or "").startswith(hint)  # a command that there is


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5000 + "]" * 5000,
        ".".join("a" * 200) + " = 1",
        "a = " + "9" * 10_000,
        "a = '" + "x" * 20_000 + "'",
        "a = 2024-13-45",
        "a = " + "{b = " * 3000 + "1" + "}" * 3000,
    ],
    ids=["deep list", "deep key", "long number", "long line", "no such date", "deep table"],
)
def test_hostile_toml_is_refused_without_a_crash(text: str) -> None:
    with pytest.raises(InputError):
        parse_toml(text, name="x", kind="suite")


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_table_or_an_input_error(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.toml"
    path.write_bytes(raw)
    try:
        table, read = read_toml(path, kind="suite")
    except InputError as error:
        refusal = error
    else:
        assert isinstance(table, dict)
        assert read == raw
        return
    assert all(problem.where and str(path) in problem.where for problem in refusal.problems)


def test_depth_counts_tables_and_lists() -> None:
    assert depth(1) == 0
    assert depth({"a": [{"b": 1}]}) == 3
