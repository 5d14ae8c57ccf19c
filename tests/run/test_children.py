"""Children from both sides: messages, ends, locks, and what their failures are called."""

import json
import os
import signal
import subprocess
import sys
import time
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.emit import Event, RequestCompleted, RowsMeasured, StepDone
from bench.errors import InputError, InternalError, Problem
from bench.run.process.failure_report import FailureReport, failure_kind
from bench.run.process.locks import FileLock, child_lock, run_lock, try_lock_job
from bench.run.process.server import Child, ChildServer
from tests.fakes import echo
from tests.fakes.echo import Asked

SERVER = ChildServer(module=echo.__name__)
KILL = ChildServer.kill
"""Before the session's fixture takes it away."""


def call(tmp_path: Path, kind: str, **payload: Any) -> object:
    return SERVER.call(kind, Asked(**payload), folder=tmp_path, log=tmp_path / "log.txt")


def test_a_value_comes_back_and_prints_go_to_the_log(tmp_path: Path) -> None:
    assert Asked.model_validate(call(tmp_path, "echo", text="ä\n")) == Asked(text="ä\n")
    log = (tmp_path / "log.txt").read_text()
    assert "python says" in log
    assert "native says" in log


def test_a_process_that_has_the_libraries_forks_its_children_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forkserver, "connect_to_new_process", pytest.fail)
    monkeypatch.setattr(forkserver, "ensure_running", pytest.fail)
    server, asked = ChildServer(module=echo.__name__, method="fork"), Asked(text="here")
    server.warm()
    done = server.call("echo", asked, folder=tmp_path, log=tmp_path / "log.txt")
    assert Asked.model_validate(done) == asked


def test_a_child_does_not_run_the_users_script_again(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys; from pathlib import Path\n"
        "with open(sys.argv[1], 'a') as file: file.write('run ')\n"
        "if __name__ == '__main__':\n"
        "    from bench.run.process.server import ChildServer\n"
        "    here = Path(sys.argv[1]).parent\n"
        "    server = ChildServer(module='tests.fakes.echo')\n"
        "    from tests.fakes.echo import Asked\n"
        "    print(server.call('echo', Asked(count=1), folder=here, log=here / 'log')['count'])\n"
        "    print(server.call('collector', Asked(), folder=here, log=here / 'log'))\n"
    )
    command = [sys.executable, str(script), str(tmp_path / "runs")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    counted, collector = done.stdout.splitlines()
    assert counted == "1"
    assert "'bench.run.process.collector_off'" in collector, "the server's imports are no garbage"
    assert "'count': 1" in collector, "the child's work has some"
    assert (tmp_path / "runs").read_text() == "run "


def test_a_refusal_keeps_its_problems(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        call(tmp_path, "refuse")
    assert caught.value.problems == (
        Problem(reference="echo.no", what="no", where="here", hint="try yes"),
        Problem(reference="echo.no", what="no, again", where=None, hint=None),
    )


def test_any_other_failure_names_the_log(tmp_path: Path) -> None:
    with pytest.raises(InternalError) as caught:
        call(tmp_path, "unknown kind")
    assert caught.value.problems[0].reference == "worker.exception"
    assert "log.txt" in (caught.value.problems[0].hint or "")


def test_messages_sent_right_before_a_kill_are_read(tmp_path: Path) -> None:
    child = SERVER.start("tell_and_die", Asked(count=50), folder=tmp_path, log=tmp_path / "log.txt")
    child.process.join()
    events: list[Event] = []
    while not child.ended():
        events += child.wait()
    assert [event.step for event in events if isinstance(event, StepDone)] == list(range(50))
    assert child.failure.kind == "killed"


def test_a_helper_that_outlives_the_child_does_not_hold_up_the_run(tmp_path: Path) -> None:
    child = SERVER.start("leave_helper", Asked(seconds=60), folder=tmp_path, log=tmp_path / "log.txt")
    while not child.ended():
        child.wait()
    os.kill(int((tmp_path / "helper.txt").read_text()), signal.SIGKILL)  # it was there
    assert child.failure is None


def test_one_that_ignores_the_request_to_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.run.process.server._GRACE_SECONDS", 0.2)
    child = SERVER.start("stubborn", Asked(), folder=tmp_path, log=tmp_path / "log.txt")
    wait_for_event(child)
    child.stop()
    assert child.process.exitcode == -9


def wait_for_event(child: Child) -> Event:
    while not (events := child.wait(5)):
        pass
    return events[0]


def test_a_service_answers_request_after_request(tmp_path: Path) -> None:
    child = SERVER.start("repeat", Asked(text="a"), folder=tmp_path, log=tmp_path / "log.txt")
    assert isinstance(wait_for_event(child), RowsMeasured)
    for number in range(3):
        child.ask(Asked(text="x" * 1_000_000))
        answer = wait_for_event(child)
        assert isinstance(answer, RequestCompleted)
        assert (answer.index, len(answer.text)) == (number, 1_000_001)
    child.process.kill()
    child.process.join()
    child.ask(Asked(text="nobody hears this"))
    assert child.wait() == []
    assert child.ended()
    child.stop()


def test_a_service_ends_with_the_process_that_asked_it(tmp_path: Path) -> None:
    """A model that nobody asks any more would hold the device's memory."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from bench.run.process.server import ChildServer; from tests.fakes.echo import Asked\n"
        "here = Path(sys.argv[1])\n"
        "child = ChildServer(module='tests.fakes.echo').start('repeat', Asked(), folder=here, log=here / 'log')\n"
        "while not (events := child.wait(5)): pass\n"
        "(here / 'pid').write_text(str(events[0].done))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
    pid, deadline = int((tmp_path / "pid").read_text()), time.monotonic() + 10
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not psutil.pid_exists(pid)


class OutOfMemoryError(RuntimeError):
    """Named as torch names its own."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), "out_of_memory"),
        (OutOfMemoryError("CUDA out of memory"), "out_of_memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "out_of_memory"),
        (FloatingPointError("loss is nan"), "diverged"),
        (InputError(Problem(reference="a.b", what="c")), "refused"),
        (ValueError("x"), "exception"),
        (SystemExit(3), "exception"),
    ],
)
def test_a_failure_is_called_what_it_is(error: BaseException, kind: str) -> None:
    assert failure_kind(error) == kind


@pytest.mark.parametrize("error", [ValueError(), ValueError("\n\n"), ValueError("x" * 10_000), KeyError("k\x1b[31m")])
def test_a_message_is_one_bounded_line(error: Exception) -> None:
    report = FailureReport.of(error)
    message = report.message
    assert message
    assert "\n" not in message
    assert len(message) <= 300
    assert FailureReport.model_validate(json.loads(json.dumps(report.model_dump()))) == report


def test_a_refusal_keeps_its_hint_in_the_record() -> None:
    """The report shows the message alone: without the hint nobody knows which key to change."""
    error = InputError(Problem(reference="a.b", what="no row fits", hint="raise max_length"))
    assert FailureReport.of(error).failure.message == "no row fits (raise max_length)"


def test_a_lock_is_held_by_one_and_free_after(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.try_acquire()
    assert not second.try_acquire()
    first.release()
    assert second.try_acquire()
    second.release()


def test_a_job_whose_orphan_still_writes_is_not_begun(tmp_path: Path) -> None:
    with child_lock(tmp_path, "d"):
        assert try_lock_job(tmp_path, "d") is None
    lock = try_lock_job(tmp_path, "d")
    assert not run_lock(tmp_path, "d").try_acquire()
    lock.release()


def test_a_lock_is_held_until_the_last_process_that_shares_it_has_ended(tmp_path: Path) -> None:
    """Else a rank that outlives its leader for a moment writes into the folder of a new attempt."""
    lock = FileLock(tmp_path / "l")
    lock.acquire()
    stay, leave = os.pipe()
    if (pid := os.fork()) == 0:
        os.close(leave)
        os.read(stay, 1)
        os._exit(0)
    os.close(stay)
    lock.release()
    assert not FileLock(tmp_path / "l").try_acquire()
    os.close(leave)
    os.waitpid(pid, 0)
    assert FileLock(tmp_path / "l").try_acquire()


def test_a_child_holds_its_lock_while_it_lives(tmp_path: Path) -> None:
    lock = child_lock(tmp_path, "d")
    child = SERVER.fork(SERVER.request("stubborn", Asked(), folder=tmp_path, log=tmp_path / "log.txt", lock=lock.path))
    wait_for_event(child)
    assert try_lock_job(tmp_path, "d") is None
    child.process.kill()
    child.stop()
    held = try_lock_job(tmp_path, "d")
    held.release()


@pytest.mark.parametrize("error", [EOFError, ConnectionRefusedError, BrokenPipeError])
def test_a_server_that_dies_as_it_is_asked_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """Else a kill at that moment would end the run with a bug's message."""
    asked: list[str] = []
    real = ForkServerProcess.start

    def start(process: ForkServerProcess) -> None:
        asked.append(process.name)
        if len(asked) == 1:
            raise error
        real(process)

    monkeypatch.setattr(ForkServerProcess, "start", start)
    child = SERVER.start("echo", Asked(text="x"), folder=tmp_path, log=tmp_path / "log.txt")
    child.stop()
    assert len(asked) == 2


def test_a_server_is_killed_by_the_process_number_that_python_keeps_privately(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were `_forkserver` or `_forkserver_pid` renamed, an interrupted start would leave its server behind."""
    another = forkserver.ForkServer()  # the other tests still need theirs
    monkeypatch.setattr(forkserver, "_forkserver", another)
    monkeypatch.setattr(forkserver, "ensure_running", another.ensure_running)
    monkeypatch.setattr(ChildServer, "kill", KILL)
    SERVER.warm()
    server = psutil.Process(another._forkserver_pid)
    assert server.ppid() == os.getpid()
    SERVER.kill()
    assert server.status() == psutil.STATUS_ZOMBIE, "still running: the next command would be refused a connection"
