"""A finished suite that is run again has its record left alone, and written anew where anything of it has changed."""

from pathlib import Path

import pytest

from bench.record.record import Record
from bench.record.rundir import RECORD
from bench.run import execution
from tests.fakes.suites import fake_suite, go, run_below


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Done, and run again: from then on its record says that every job was reused."""
    folder = tmp_path_factory.mktemp("kept")
    go(folder)
    go(folder)
    return folder


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[Record]:
    """The records that are made from here on."""
    made: list[Record] = []
    real = execution.make_record

    def make(*arguments: object, **options: object) -> Record:
        made.append(real(*arguments, **options))  # type: ignore[arg-type]  # passed on as they come
        return made[-1]

    monkeypatch.setattr(execution, "make_record", make)
    return made


def test_a_record_that_would_come_out_as_it_is_is_not_made(root: Path, records: list[Record]) -> None:
    before = (go(root).path / RECORD).read_bytes()
    assert records == []
    assert (go(root).path / RECORD).read_bytes() == before
    assert (root / "reports" / "fake" / "latest").resolve() == go(root).path.resolve()


@pytest.mark.parametrize("name", ["suite.json", "scores/qa/base.jsonl"])
def test_what_is_lost_or_damaged_in_the_folder_is_brought_back(name: str, root: Path, records: list[Record]) -> None:
    path = go(root).path / name
    whole = path.read_bytes()
    path.unlink()
    go(root)
    assert path.read_bytes() == whole
    path.write_bytes(whole[:-5])
    go(root)
    assert path.read_bytes() == whole
    assert len(records) == 2


def test_a_damaged_record_is_made_again(root: Path, records: list[Record]) -> None:
    path = go(root).path / RECORD
    path.write_bytes(path.read_bytes()[:-5])
    assert go(root).load().all_done
    assert len(records) == 1


def test_another_suite_of_the_same_jobs_is_recorded(root: Path, records: list[Record]) -> None:
    """A path is in the record and in no digest."""
    table = fake_suite(root)
    (root / "elsewhere.jsonl").write_bytes((root / "few.jsonl").read_bytes())
    assert table.suite.data["few"].source == "few.jsonl"
    moved = fake_suite(root, data={"few": {"source": "elsewhere.jsonl"}})
    run_below(root, moved)
    assert len(records) == 1
