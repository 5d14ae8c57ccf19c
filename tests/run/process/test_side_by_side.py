"""Children of one kind at the same time."""

from pathlib import Path

from bench.run.process.server import ChildServer
from bench.run.process.side_by_side import side_by_side
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
