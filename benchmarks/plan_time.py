"""Time of each job as a first `bench plan` says it, beside what the job then took: processor seconds of both.

    python -m benchmarks.plan_time FOLDER --steps 5 --batch 8 --limit 20

FOLDER is a base of some size: what a child of less than a second takes is not seen. The suite is that of
`benchmarks.end_to_end`: two trainings and three tasks for the base and both, one job after the other. Start it with one
processor (`taskset -c 0`), so that there is one thread. Plan and run begin with nothing. The plan's clock is the
processor time of the child that it times, and a job's time is that of all processes below the run while it lasts, so
that other load changes neither.
"""

import argparse
import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil

from bench.run.display import QuietDisplay
from bench.run.estimate.forecast import forecast
from bench.run.estimate.speed import timing
from bench.run.process.server import Child, ChildServer
from bench.run.run import run_suite
from bench.suite.load import LoadedSuite, load_suite
from benchmarks.end_to_end.program import suite_text
from benchmarks.end_to_end.question import Question


def processor_seconds(process: psutil.Process) -> float:
    """Seconds of a process and of its children that have ended; 0 once it is gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        used = process.cpu_times()
        return float(used.user + used.system + used.children_user + used.children_system)
    return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedServer(ChildServer):
    """A server that tells the clock which child was started last."""

    clock: "ChildClock"

    def start(self, *asked: Any, **places: Any) -> Child:
        """A child, whose time the clock shows from now on."""
        child = ChildServer.start(self, *asked, **places)
        with contextlib.suppress(psutil.NoSuchProcess):  # begun earlier, and done
            self.clock.follow(psutil.Process(child.process.pid))
        return child


class ChildClock:
    """Processor seconds of children, one after the other."""

    def __init__(self) -> None:
        self._child = psutil.Process()
        self._before = self._seen = 0.0

    def follow(self, child: psutil.Process) -> None:
        """Let this child's seconds follow those of the ones before."""
        self._child, self._before, self._seen = child, self._before + self._seen, 0.0

    def monotonic(self) -> float:
        """Seconds so far; of a child that is gone, those that were seen."""
        self._seen = max(self._seen, processor_seconds(self._child))
        return self._before + self._seen


def planned(loaded: LoadedSuite, home: Path) -> dict[str, float]:
    """Seconds by job, of one seed or subject."""
    clock = ChildClock()
    timing.time = SimpleNamespace(monotonic=clock.monotonic)  # type: ignore[assignment]  # its clock alone
    expected = forecast(loaded, home=home, server=TimedServer(clock=clock))
    trainings = {f"train:{arm.arm}#0": arm.seconds for arm in expected.arms}
    return {**trainings, **{one.eval: one.seconds or 0.0 for one in expected.evals}}


class JobClock(QuietDisplay):
    """Processor seconds of everything below this process while each job lasts."""

    def __init__(self) -> None:
        self._since = 0.0
        self.jobs: dict[str, float] = {}

    def started(self, job_id: str) -> None:
        """A job begins."""
        self._since = below()

    def ended(self, job_id: str, *facts: Any, **more: Any) -> None:
        """A job has ended."""
        self.jobs[job_id] = below() - self._since


def below() -> float:
    """Processor seconds of all processes below this one, ended ones included."""
    return sum(processor_seconds(process) for process in psutil.Process().children(recursive=True))


def main() -> None:
    """Plan, run, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=Path)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--limit", type=int, default=20)
    options = parser.parse_args()
    question = Question(
        name="planned", base=options.base.resolve(), steps=options.steps, batch=options.batch, limit=options.limit
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        suite = folder / "planned.toml"
        suite.write_text(suite_text(question) + "[run]\nworkers = 1\nprobe_steps = 0\n", encoding="utf-8")
        loaded, clock = load_suite(suite), JobClock()
        expected = planned(loaded, folder / "planned")
        run_suite(loaded, home=folder / "home", reports=folder / "reports", display=clock, go_on=True)
    print("| job | planned s | taken s | planned / taken |\n|---|---:|---:|---:|")
    for job, taken in clock.jobs.items():
        plan = expected[job if job in expected else job.split(":")[1]]
        print(f"| {job} | {plan:.1f} | {taken:.1f} | {plan / taken:.2f} |")


if __name__ == "__main__":
    main()
