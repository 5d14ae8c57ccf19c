"""`bench.processes`: large work takes several processes, and comes out as it does in one."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench import processes
from bench.errors import InputError, Problem
from bench.processes import LARGE, each, shared_out
from bench.record.rundir import RunDirectory
from bench.report.write import write_report
from benchmarks.report_size import make_large_run
from tests.fakes.pieces import die_elsewhere, refuse, where


def test_large_work_is_done_by_others_in_its_order() -> None:
    """Else a report of two million scores takes as long as it takes on one core, or shows them for another subject."""
    with shared_out(2):
        done = list(each(where, range(20), rows=LARGE))

    assert [number for number, _ in done] == list(range(20))
    assert os.getpid() not in {process for _, process in done}


@pytest.mark.parametrize(("cores", "rows", "pieces"), [(1, LARGE, 2), (2, LARGE - 1, 2), (2, LARGE, 1)])
def test_little_work_starts_no_process(cores: int, rows: int, pieces: int) -> None:
    """Each takes half a second to start."""
    with shared_out(cores):
        assert {process for _, process in each(where, range(pieces), rows=rows)} == {os.getpid()}


def test_a_program_that_did_not_ask_for_processes_gets_none() -> None:
    """A script or a notebook that loads a run."""
    assert {process for _, process in each(where, range(2), rows=LARGE)} == {os.getpid()}


def test_a_refusal_is_the_same_from_another_process() -> None:
    """Else a torn file of scores is a fault of this program, in a traceback."""
    with shared_out(2), pytest.raises(InputError) as refused:
        list(each(refuse, range(2), rows=LARGE))

    assert refused.value.problems == (Problem(reference="test.refused", what="no", where="row 0", hint="another"),)


def test_what_a_killed_process_left_is_done_here() -> None:
    """The system ends the largest process where memory is short."""
    with shared_out(2):
        assert list(each(die_elsewhere, [(number, os.getpid()) for number in range(6)], rows=LARGE)) == list(range(6))


def test_processes_end_with_a_parent_that_was_killed() -> None:
    """Else they hold their memory for ever."""
    program = (
        "import os, time\n"
        "from bench.processes import LARGE, each, shared_out\n"
        "from tests.fakes.pieces import where\n"
        "with shared_out(2):\n"
        "    print(*{process for _, process in each(where, range(20), rows=LARGE)}, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    others = [int(process) for process in parent.stdout.readline().split()]
    assert all(map(psutil.pid_exists, others))
    parent.kill()
    parent.communicate()

    deadline = time.monotonic() + 30
    while any(map(_runs, others)):
        assert time.monotonic() < deadline, "they outlived their parent"
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_report_is_the_same_to_the_last_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever machine draws it."""
    alone, together = (
        RunDirectory(make_large_run(tmp_path / name / "run", examples=20, evals=3)) for name in ("alone", "together")
    )
    write_report(alone)
    monkeypatch.setattr(processes, "LARGE", 0)
    with shared_out(2):
        write_report(together)

    def written(folder: Path) -> dict[str, bytes]:
        files = (file for file in folder.rglob("*") if file.is_file() and file.suffix in {".md", ".html", ".svg"})
        kept = {str(file.relative_to(folder)): file.read_bytes() for file in files}
        return kept | {"flips": (folder / "flips.jsonl").read_bytes()}

    assert written(together.path) == written(alone.path)
    assert b"gained" in written(alone.path)["flips"]
