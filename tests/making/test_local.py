"""A model on this machine in place of an endpoint: the same rows file, the same cache, in a child process."""

from pathlib import Path
from typing import Any

import pytest

from bench.endpoint.cache import ReplyCache
from bench.endpoint.completion import Reply
from bench.errors import IncompleteError, InputError
from bench.run.commands.make import describe_summary, make_data
from bench.run.process.server import Child, ChildServer
from tests.making.conftest import read_lines, write_lines

MAKE = """
kind = "distil"
tasks = { source = "tasks.jsonl" }
writer.local = { card = "micro" }
samples = 3
sampling = { temperature = 1.0, max_tokens = 60 }
"""


def loads(bench_home: Path) -> int:
    """How often a model's weights were loaded."""
    return (bench_home / "logs" / "complete.txt").read_text().count("loading ")


class WatchedServer(ChildServer):
    """Notes the children that it starts."""

    children: list[Child] = []  # noqa: RUF012  # one list for a test's one server

    def start(self, kind: str, payload: dict[str, Any], **more: Any) -> Child:
        """Also notes the child."""
        child = super().start(kind, payload, **more)
        self.children.append(child)
        return child


@pytest.fixture
def server() -> WatchedServer:
    """Of this test alone."""
    WatchedServer.children = []
    return WatchedServer()


def test_a_local_model_answers_once_and_from_disk_afterwards(
    tmp_path: Path, bench_home: Path, server: WatchedServer
) -> None:
    tasks = [{"instruction": "What is the capital of the country where the baker lives?"}, {"prompt": "Say yes."}]
    write_lines(tmp_path / "tasks.jsonl", [tasks[0], {"instruction": "Say yes."}])
    (tmp_path / "make.toml").write_text(MAKE)
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
    assert len(server.children) == 1, "what is on disk needs no model"
    assert read_lines(tmp_path / "again.jsonl") == rows


def test_a_local_model_that_is_not_there_is_told_before_any_work(tmp_path: Path, bench_home: Path) -> None:
    write_lines(tmp_path / "tasks.jsonl", [{"instruction": "Say yes."}])
    (tmp_path / "make.toml").write_text(MAKE)
    with pytest.raises(InputError, match="mikro"):
        make_data(str(tmp_path / "make.toml"), out=tmp_path / "made.jsonl", overrides=('writer.local={card="mikro"}',))


INSTRUCTIONS = """
kind = "instructions"
tasks = { source = "tasks.jsonl" }
writer.local = { card = "micro" }
size = 2
per_request = 1
demonstrations = 1
max_requests = 6
answers = "separate"
sampling = { temperature = 1.0, max_tokens = 16 }
"""


def test_many_rounds_load_the_weights_once(tmp_path: Path, bench_home: Path, server: WatchedServer) -> None:
    """Else each of them would cost a load of a model of many GB."""
    write_lines(tmp_path / "tasks.jsonl", [{"instruction": "Say yes.", "output": "yes"}])
    (tmp_path / "make.toml").write_text(INSTRUCTIONS)
    summary = make_data(str(tmp_path / "make.toml"), out=tmp_path / "made.jsonl", server=server)
    assert summary.asked == 6, "two at a time: three rounds"
    assert loads(bench_home) == 1
    [child] = server.children
    assert child.process.exitcode is not None, "it has ended with the making"


BEST_OF = """
kind = "best_of"
tasks = { source = "tasks.jsonl" }
writer.local = { card = "micro" }
scorer = { kind = "judge", model = { local = { card = "micro", threads = 2 } } }
samples = 3
sampling = { temperature = 1.0, max_tokens = 60 }
"""


def test_a_local_judge_takes_turns_with_the_writer(tmp_path: Path, bench_home: Path, server: WatchedServer) -> None:
    """Two models in memory at once might not fit where each of them does."""
    write_lines(tmp_path / "tasks.jsonl", [{"instruction": "Say yes."}])
    (tmp_path / "make.toml").write_text(BEST_OF)
    make_data(str(tmp_path / "make.toml"), out=tmp_path / "made.jsonl", server=server)
    assert loads(bench_home) == 2
    writer, judge = server.children
    assert writer.process.exitcode is not None
    assert judge.process.exitcode is not None


def test_a_killed_model_ends_the_making_with_its_reason_and_keeps_what_it_answered(
    tmp_path: Path, bench_home: Path, server: WatchedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lines(tmp_path / "tasks.jsonl", [{"instruction": f"Say {n}."} for n in range(100)])
    (tmp_path / "make.toml").write_text(MAKE.replace("samples = 3", "samples = 1"))
    keep = ReplyCache.put

    def keep_and_kill(cache: ReplyCache, reply: Reply) -> None:
        keep(cache, reply)
        server.children[0].process.kill()

    monkeypatch.setattr(ReplyCache, "put", keep_and_kill)
    with pytest.raises(IncompleteError, match="SIGKILL") as caught:
        make_data(str(tmp_path / "make.toml"), out=tmp_path / "made.jsonl", server=server)
    assert "resumes from there" in (caught.value.problems[0].hint or "")
    kept = len(list((bench_home / "replies").rglob("*.json")))
    assert 0 < kept < 100
    monkeypatch.setattr(ReplyCache, "put", keep)
    again = make_data(str(tmp_path / "make.toml"), out=tmp_path / "made.jsonl", server=server)
    assert (again.asked, again.reused, again.failed) == (100, kept, 0)
    assert loads(bench_home) == 2
