"""`bench run` with instant jobs, as a process of its own: `python -m tests.fakes.drive ROOT CHANGES-AS-JSON`.

Exits as the command line does and prints one line of what a test wants to know about the process.
"""

import json
import sys
from pathlib import Path

from rich.console import Console

from bench.errors import BenchError
from bench.run.display import make_display
from bench.run.process.server import ChildServer
from bench.run.run import run_suite
from tests.fakes.counting import count_calls
from tests.fakes.suites import fake_suite


def main(root: Path, changes: dict[str, object]) -> int:
    """The exit code."""
    try:
        with make_display(Console(stderr=True)) as display:
            work = count_calls(
                lambda: run_suite(
                    fake_suite(root, **changes),
                    home=root / "home",
                    reports=root / "reports",
                    display=display,
                    server=ChildServer(module="tests.fakes.worker"),
                )
            )
    except BenchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    heavy = sorted(
        {"torch", "transformers", "trl", "peft", "datasets", "lm_eval", "matplotlib", "pandas", "pyarrow"}
        & set(sys.modules)
    )
    from multiprocessing import forkserver

    served = getattr(forkserver._forkserver, "_forkserver_pid", None) is not None
    print(json.dumps({"run": str(work.value.path), "heavy": heavy, "served": served, "calls": work.number}))
    return 0 if work.value.load().all_done else 3


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
