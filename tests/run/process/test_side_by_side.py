"""Children of one kind at the same time."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.run.process.server import ChildServer
from bench.run.process.side_by_side import raise_failures, side_by_side
from tests.fakes import echo
from tests.fakes.echo import Asked

SERVER = ChildServer(module=echo.__name__)


def test_they_work_at_the_same_time_and_values_are_in_the_order_of_the_requests(tmp_path: Path) -> None:
    requests = [Asked(text=name, count=2) for name in ("b", "a")]
    children = side_by_side(SERVER, "meet", requests, folder=tmp_path, log=tmp_path / "log.txt")
    assert [(child.value, child.failure) for child in children] == [("b", None), ("a", None)]


def test_one_that_dies_comes_back_with_its_failure(tmp_path: Path) -> None:
    """What the others found is still used."""
    log = tmp_path / "log.txt"
    (lost,) = side_by_side(SERVER, "tell_and_die", [Asked()], folder=tmp_path, log=log)
    assert lost.failure is not None
    assert lost.failure.kind == "killed"
    assert side_by_side(SERVER, "meet", [], folder=tmp_path, log=log) == ()


def test_begun_work_is_done_while_other_work_is_waited_for_and_is_not_done_twice(tmp_path: Path) -> None:
    log, begun, other = tmp_path / "log.txt", Asked(text="begun", count=2), Asked(text="other", count=2)
    SERVER.begin("meet", begun, folder=tmp_path, log=log)
    assert SERVER.call("meet", other, folder=tmp_path, log=log) == "other"
    assert [request.payload["text"] for request, _ in SERVER.begun] == ["begun"]
    assert SERVER.call("meet", begun, folder=tmp_path, log=log) == "begun"
    assert SERVER.begun == []


def test_begun_work_that_nobody_asks_for_is_ended(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    SERVER.begin("meet", Asked(text="alone", count=2), folder=tmp_path, log=log)
    ((_, child),) = SERVER.begun
    SERVER.stop_begun()
    assert SERVER.begun == []
    assert child.process.exitcode is not None


def test_problems_of_all_children_are_raised_each_once_before_any_failure(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    children = [
        *side_by_side(SERVER, "tell_and_die", [Asked()], folder=tmp_path, log=log),
        *side_by_side(SERVER, "refuse", [Asked(text="a"), Asked(text="b")], folder=tmp_path, log=log),
    ]
    with pytest.raises(InputError) as refused:
        raise_failures("any", children, log)
    assert [problem.what for problem in refused.value.problems] == ["no", "no, again"]
    with pytest.raises(InputError, match="killed"):
        raise_failures("any", children[:1], log)
