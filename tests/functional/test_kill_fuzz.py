"""A run killed at random moments: the next one completes, repeats little, and ends as if nothing had happened.

Five moments of the proof in `benchmarks/kill_fuzz`, one of each way to be killed; `--points 50` is the whole of it.
"""

import json
from pathlib import Path

import pytest

from benchmarks.kill_fuzz.kills import WAYS
from benchmarks.kill_fuzz.left_behind import attempts
from benchmarks.kill_fuzz.small_run import INTERVAL, STEPS
from tests.fakes.process import run


@pytest.mark.timeout(600)
def test_a_run_killed_anywhere_loses_nothing(root: Path) -> None:
    arguments = ["--points", "5", "--seed", "38"]
    done = run("benchmarks.kill_fuzz", arguments, folder=root, environment={}, seconds=590)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (lines[-1:], done.stderr[-2000:])
    assert (lines[-1]["points"], lines[-1]["lost"]) == (5, 0)
    assert set(lines[-1]["kinds"]) == set(WAYS)


def test_the_proof_would_see_repeated_work(tmp_path: Path) -> None:
    """A fuzz that cannot fail proves nothing: steps repeated are counted from what each attempt did."""
    said = [("train:a#0", 0), *(("train:a#0", n) for n in range(1, 11)), ("train:a#0", 0), ("train:a#0", 9)]
    said += [("train:a#0", n) for n in (10, 11)] + [("train:a#0", 0), ("train:a#0", 1)]
    lines = [json.dumps({"job": job, "step": step}) for job, step in said]
    (tmp_path / "steps.jsonl").write_text("\n".join(lines) + '\n{"job": "tr')
    repeated = [last - first + 1 for _, last, first in attempts(tmp_path)]
    assert repeated == [2, 11]
    assert repeated[0] <= INTERVAL < repeated[1] <= STEPS
