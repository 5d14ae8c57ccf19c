"""The simulation that docs/scaling.md quotes runs today's scheduler: nodes fail, and no job does."""

import re
from pathlib import Path

from tests.fakes.process import run


def test_nodes_that_fail_cost_attempts_and_no_job(tmp_path: Path) -> None:
    done = run("benchmarks.executor", ["60", "4", "0.2"], folder=tmp_path, environment={}, seconds=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "60 jobs on 4 nodes, each of which fails every 0.2 h: 0 failed" in done.stdout
    nodes, again = map(int, re.findall(r"(\d+) nodes failed; (\d+) jobs submitted again", done.stdout)[0])
    assert 0 < again <= nodes
