"""A program in place of our trainer ends with the job that runs it, however that ends."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

_JOB = """
import sys
from functools import partial
from pathlib import Path
from bench.train.programs.process import environment_of, run_program
words = ["sh", "-c", "sleep 600 & echo $$ $!; wait"]
run_program(words, Path(sys.argv[1]), partial(environment_of, threads=1), name="it")
"""


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGKILL])
def test_a_program_ends_with_its_job(tmp_path: Path, ended_by: signal.Signals) -> None:
    """Ctrl-C ended the job and left the training, which held the machine."""
    command = (sys.executable, "-u", "-c", _JOB, str(tmp_path))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        job.stdout.readline()  # the command itself, in the log
        started = [psutil.Process(int(pid)) for pid in job.stdout.readline().split()]
        assert len(started) == 2
        job.send_signal(ended_by)
        job.stdout.read()
    _, alive = psutil.wait_procs(started, timeout=30)
    assert alive == []
