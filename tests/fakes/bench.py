"""The command line as a process, with instant jobs: `python -m tests.fakes.bench run SUITE …`.

The options before the command: `--fail` makes `bench list` fail as a fault of the program would.
"""

import functools
import sys

import bench.run.run
import bench.suite.listing
from bench.cli.main import main
from bench.run.process.server import ChildServer


def _fault(kind: str) -> list[dict[str, str]]:
    raise RuntimeError(f"no {kind}\nsecond line")


if __name__ == "__main__":
    bench.run.run.ChildServer = functools.partial(ChildServer, module="tests.fakes.worker")  # type: ignore[misc,assignment]
    if "--fail" in sys.argv:
        sys.argv.remove("--fail")
        bench.suite.listing.listing = _fault  # type: ignore[assignment]
    main()
