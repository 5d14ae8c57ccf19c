"""A disk that is full or read-only at any moment: the user is told, nothing is torn, and the next run completes."""

import errno
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.record.record import Record
from bench.record.rundir import RECORD, RunDirectory
from bench.record.store import JobStore
from bench.report.write import write_report
from tests.fakes.suites import fake_suite, run_below

CHANGES: dict[str, Any] = {
    "seeds": (0,),
    "arms": {"data": ("few",), "recipe": ("lora",)},
    "run": {"workers": 1, "probe_steps": 0},
}
"""One arm with one seed: five jobs."""
PRIMITIVES = ((os, "fsync"), (os, "replace"), (os, "mkdir"), (tempfile, "mkstemp"))
"""What every write of this program goes through."""


def go(root: Path, home: Path | None = None) -> RunDirectory:
    return run_below(root, fake_suite(root, **CHANGES), home=home or root / "home")


def nothing_torn(root: Path, home: Path) -> None:
    """Files in their place are whole, and nothing half written is left beside them."""
    for path in root.glob(f"reports/*/*/{RECORD}"):
        RunDirectory(path.parent).load()
    for path in home.glob("jobs/*/manifest.json"):
        assert JobStore(home=home).done(path.parent.name) is not None
    assert not [path for folder in (root / "reports", home) for path in folder.rglob(".*.tmp")]


class FailingWrites:
    """From the `first`th write of this process on, every write fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, first: int, number: int) -> None:
        self.calls = 0
        for module, name in PRIMITIVES:
            monkeypatch.setattr(module, name, self._failing(getattr(module, name), first, number))

    def _failing(self, real: Callable[..., Any], first: int, number: int) -> Callable[..., Any]:
        def write(*arguments: Any, **keywords: Any) -> Any:
            self.calls += 1
            if self.calls >= first:
                raise OSError(number, os.strerror(number))
            return real(*arguments, **keywords)

        return write


@pytest.mark.parametrize(
    ("first", "number"),
    [
        *((first, errno.ENOSPC) for first in (1, 3, 8, 21, 34, 55)),
        (2, errno.EROFS),
        (13, errno.EROFS),
        (1, errno.EACCES),
        (5, errno.EACCES),
    ],
)
def test_any_write_of_a_run_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int, number: int) -> None:
    fake_suite(tmp_path, **CHANGES)
    with monkeypatch.context() as patch:
        FailingWrites(patch, first, number)
        with pytest.raises(InputError, match=os.strerror(number)) as caught:
            write_report(go(tmp_path))
    assert all(problem.hint for problem in caught.value.problems)
    nothing_torn(tmp_path, tmp_path / "home")
    finished = go(tmp_path)
    assert finished.load().all_done
    assert write_report(finished).is_file()


def test_the_moments_reach_into_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table above would prove little if a run made few writes, and all at its start."""
    fake_suite(tmp_path, **CHANGES)
    failing = FailingWrites(monkeypatch, 10**9, 0)
    go(tmp_path)
    assert failing.calls > 55


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte, where this machine lets us make one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)],  # noqa: S607  # wherever the system has it
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("no right to mount a small file system")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=False)  # noqa: S607  # wherever the system has it


@pytest.mark.parametrize("left", [0, 12, 32, 64])
def test_a_disk_that_is_really_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_disk: Path, left: int
) -> None:
    """Children's files too: results, scores, weights, logs. `left`: kibibytes."""
    monkeypatch.setattr("bench.run.run.check_space", lambda plan, home: None)
    home = small_disk / "home"
    home.mkdir()
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        file.write(b"x" * (free - left * 1024))
    try:
        record: Record | None = go(tmp_path, home).load()
    except InputError as error:
        record = None
        said = str(error)
    assert record is not None or "No space left" in said
    if record is not None and not record.all_done:
        messages = [job.failure.message for job in record.jobs if job.failure is not None]
        assert any("No space left" in message for message in messages), messages
    filler.unlink()
    nothing_torn(tmp_path, home)
    assert go(tmp_path, home).load().all_done


def test_a_small_disk_is_refused_before_the_start(tmp_path: Path, small_disk: Path) -> None:
    with pytest.raises(InputError, match="at least"):
        go(tmp_path, small_disk / "home")


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished = go(tmp_path)
    path = write_report(finished)
    before = path.read_bytes()
    value = json.loads((finished.path / RECORD).read_text())
    value["resolved"]["suite"]["question"] = "Something else?"
    (finished.path / RECORD).write_text(json.dumps(value))
    FailingWrites(monkeypatch, 1, errno.ENOSPC)
    with pytest.raises(InputError, match="No space left"):
        write_report(finished)
    assert path.read_bytes() == before
