"""Code evals: what passes, what does not, and what an answer cannot do to the machine that scores it."""

import socket
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.evals.generated.code import sandbox
from bench.evals.generated.code.sandbox import NoSandboxError, passes
from bench.evals.generated.code.tests_passed import program, score_code


def has_sandbox() -> bool:
    try:
        return passes("pass")
    except NoSandboxError:
        return False


needs_sandbox = pytest.mark.skipif("not has_sandbox()", reason="this system offers no sandbox")
QUESTION = "def double(x):\n"
TESTS = "assert double(2) == 4\nassert double(-1) == -2"


@needs_sandbox
def test_right_code_passes_and_wrong_code_does_not() -> None:
    answers = [
        "    return 2 * x",
        "    return x + 2",
        "```python\ndef double(x):\n    return x + x\n```",
        None,
        "(",
        "exit(0)",
    ]
    (scored,) = score_code([QUESTION] * 6, answers, [TESTS] * 6, trusted=True)
    assert scored.scores == (1.0, 0.0, 1.0, None, 0.0, 0.0)
    (scored,) = score_code([QUESTION], ["    return 2 * x"], [None], trusted=True)
    assert scored.scores == (None,)


@needs_sandbox
def test_tests_that_pass_without_an_answer_decide_nothing() -> None:
    """HumanEval's own files define `check` and leave the call to their harness: every answer passed."""
    humaneval = "METADATA = {'author': 'x'}\n\n\ndef check(candidate):\n    assert candidate(2) == 4\n"
    prompt = 'import math\n\n\ndef half(x):\n    return x / 2\n\n\ndef double(x):\n    """Twice."""\n'
    answers = ["    return 2 * x", "    return x", "    return 2 * x", "    return 2 * x", "    return x"]
    tests = [humaneval, humaneval, "pass", "def test():\n    assert double(2) == 5", f"{humaneval}\ncheck(half)"]
    (scored,) = score_code([prompt] * 5, answers, tests, trusted=True)
    assert scored.scores == (1.0, 0.0, None, None, 0.0)
    (scored,) = score_code(["Double x."], ["def double(x):\n    return 2 * x"], [humaneval], trusted=True)
    assert scored.scores == (None,), "no function is named that check could be called with"


@needs_sandbox
def test_an_answer_has_no_network_no_processes_and_nothing_to_write_to(tmp_path: Path) -> None:
    target = tmp_path / "file"
    tmp_path.chmod(0o777)
    forbidden = {
        "write": f"open({str(target)!r}, 'w')",
        "fork": "import os\nos.fork()",
        "thread": "import threading\nt = threading.Thread(target=print)\nt.start()",
        "shell": "import subprocess\nsubprocess.run(['true'])",
        "connect": "import socket\nsocket.create_connection(('127.0.0.1', 9), 1)",
        "service": f"import socket\nsocket.socket(socket.AF_UNIX).connect({str(listening(tmp_path))!r})",
        "device": "import os\nos.open('/dev/null', os.O_WRONLY)",
        "ring": call("syscall", 425, 4, "bytes(200)"),
        "second numbering": call("syscall", 0x40000000 | 39),
        "mount": call("mount", "b'none'", "b'/mnt'", "b'tmpfs'", 0, None),
        "namespace": call("unshare", 0x10000000),
        "memory": "x = bytearray(300 << 20)",
        "shared memory": call("shmget", 0, 300 << 20, 0o1600),
        "files in memory": "import os\nfor name in range(200): os.memfd_create(str(name))",
        "other processes": "import os\nassert os.listdir('/proc')",
        "leave": "import os\nos._exit(0)",
    }
    for name, code in forbidden.items():
        assert not passes(code, memory=200 << 20), name
    seen = "import os\nassert len([p for p in os.listdir('/sys/class/net') if p != 'lo']) >= 0"
    assert passes(seen)
    assert not target.exists()


def listening(folder: Path) -> Path:
    """A service of this machine, behind a file."""
    service = socket.socket(socket.AF_UNIX)
    service.bind(str(folder / "s"))
    service.listen()
    return folder / "s"


def call(name: str, *arguments: object) -> str:
    """A program that passes where the C library's function does."""
    return f"import ctypes\nassert ctypes.CDLL(None).{name}({', '.join(map(str, arguments))}) >= 0"


@needs_sandbox
def test_an_answer_cannot_outlive_its_time() -> None:
    """It took back that it ends with the process that started it, and slept on."""
    assert passes("import ctypes\nassert ctypes.CDLL(None).prctl(1, 0, 0, 0, 0) == -1")


@needs_sandbox
@pytest.mark.parametrize("code", ["while True: pass", "import time\ntime.sleep(60)"])
def test_an_answer_that_does_not_end_is_ended(code: str) -> None:
    """The second would pass after a minute."""
    assert not passes(code, seconds=1)


def test_code_runs_only_where_it_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.evals.generated.code.tests_passed.passes", lambda text: pytest.fail("it ran"))
    with pytest.raises(InputError, match="was not allowed"):
        score_code([QUESTION], ["    return 2 * x"], [TESTS], trusted=False)


def test_without_a_sandbox_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    inside = tmp_path / "inside.py"
    inside.write_text("import sys\nsys.exit(97)")
    monkeypatch.setattr(sandbox, "_INSIDE", inside)
    with pytest.raises(InputError, match="no sandbox"):
        score_code([QUESTION], ["    return 2 * x"], [TESTS], trusted=True)


def test_the_program_of_an_answer() -> None:
    assert program(QUESTION, "    return 1") == QUESTION + "    return 1"
    assert program("Write double.", "def double(x):\n    return x") == "def double(x):\n    return x"
    assert program(QUESTION, "Sure:\n```py\na = 1\n```\nand\n```\nb = 2\n```") == "a = 1\n\n\nb = 2\n"
