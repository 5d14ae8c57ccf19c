"""The instant worker, on nodes one of which is to be lost: it begins no work on a node that the test holds.

A job lasts a moment, and a node whose raylet is killed takes seconds to notice: without a hold it would often be lost
between two jobs, or its job would end all the same.
"""

import os
import sys
import time
from pathlib import Path

from bench.atomic import write_text
from bench.places import home
from tests.fakes.worker import KINDS as KINDS

HOLD = "hold"
"""The file under a node's home with the name of the node that is held."""

HELD = "held"
"""The file under a node's home with the digest of a job that waits there."""


def _obey_hold(folder: Path) -> None:
    hold = folder / HOLD
    here = {os.environ.get(name) for name in ("BENCH_NODE_NAME", "SLURMD_NODENAME")}
    if hold.exists() and hold.read_text(encoding="utf-8") in here:
        write_text(folder / HELD, Path(sys.argv[1]).name)
        time.sleep(600)


_obey_hold(home())
