"""A model on this machine in place of an endpoint: the same rows file, the same cache, in a child process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.run.child import ChildServer
from bench.run.make import describe_summary, make_data
from tests.making.conftest import read_lines, write_lines

MAKE = """
kind = "distil"
tasks = { source = "tasks.jsonl" }
writer.local = { card = "micro" }
samples = 3
sampling = { temperature = 1.0, max_tokens = 60 }
"""


class CountingServer(ChildServer):
    """Counts the children that are asked."""

    calls: list[int] = []  # noqa: RUF012  # one list for the test's one server

    def call(self, kind: str, payload: dict[str, Any], **more: Any) -> Any:
        """Also notes how many requests came."""
        self.calls.append(len(payload["requests"]))
        return super().call(kind, payload, **more)


def test_a_local_model_answers_once_and_from_disk_afterwards(tmp_path: Path, bench_home: Path) -> None:
    tasks = [{"instruction": "What is the capital of the country where the baker lives?"}, {"prompt": "Say yes."}]
    write_lines(tmp_path / "tasks.jsonl", [tasks[0], {"instruction": "Say yes."}])
    (tmp_path / "make.toml").write_text(MAKE)
    server = CountingServer()
    summary = make_data(str(tmp_path / "make.toml"), out=tmp_path / "made.jsonl", server=server)
    assert (summary.asked, summary.reused, summary.failed) == (6, 0, 0)
    assert summary.rows + sum(summary.left_out.values()) == 6
    rows = read_lines(tmp_path / "made.jsonl")
    assert rows
    assert all(row["output"].strip() and row["provenance"]["host"] is None for row in rows)
    assert len({row["output"] for row in rows}) > 1, "samples differ"
    assert summary.cost is None
    assert "cost: none, on this machine" in describe_summary(summary)
    again = make_data(str(tmp_path / "make.toml"), out=tmp_path / "again.jsonl", server=server)
    assert (again.asked, again.reused) == (6, 6)
    assert server.calls == [6]
    assert read_lines(tmp_path / "again.jsonl") == rows


def test_a_local_model_that_is_not_there_is_told_before_any_work(tmp_path: Path, bench_home: Path) -> None:
    write_lines(tmp_path / "tasks.jsonl", [{"instruction": "Say yes."}])
    (tmp_path / "make.toml").write_text(MAKE)
    with pytest.raises(InputError, match="mikro"):
        make_data(str(tmp_path / "make.toml"), out=tmp_path / "made.jsonl", overrides=('writer.local={card="mikro"}',))
