"""Time of each job, and memory of each eval, as a first `bench plan` says them, beside what the job then took.

    python -m benchmarks.plan_time FOLDER --steps 5 --batch 8 --limit 20 --precision bf16
    python -m benchmarks.plan_time --flagship

FOLDER is a base of some size: what a child of less than a second takes is not seen. The suite is that of
`benchmarks.end_to_end`: two trainings and three tasks for the base and both, and a held-out loss of as many rows; one
job after the other. Start it with one processor (`taskset -c 0`), so that there is one thread. Plan and run begin with
nothing. Times are processor seconds: the plan's clock is that of the child that it times, and a job's time is that of
all processes below the run while it lasts, so that other load changes neither. The first eval of a subject loads it,
and a trained subject's held-out loss compares it with its base; memory is the highest resident set of an eval's process
while it lasts.
"""

import argparse
import contextlib
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil

from bench.run.display import QuietDisplay
from bench.run.estimate.forecast import forecast
from bench.run.estimate.forecast_types import EvalForecast, Forecast, SubjectForecast
from bench.run.estimate.speed import timing
from bench.run.process.limits import resident_bytes
from bench.run.process.server import Child, ChildServer
from bench.run.run import run_suite
from bench.suite.load import LoadedSuite, load_suite
from benchmarks.end_to_end.program import suite_text
from benchmarks.end_to_end.question import FLAGSHIP, Question

HELD_OUT = "heldout"
"""Name of the held-out loss, as in the flagship."""
LOOK_SECONDS = 0.02
"""Between two looks at the memory of a job."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a plan says of jobs."""

    expected: Forecast
    methods: dict[str, str]
    """Method by arm."""

    def seconds(self, job: str, *, first: bool) -> float:
        """Seconds of a job. first: of its subject's evals."""
        kind, name, *subject = job.split(":")
        if kind == "train":
            return next(arm.seconds for arm in self.expected.arms if arm.arm == name.partition("#")[0])
        scored, beside = self._eval(name), self._subject(subject[0])
        compared = beside.to_compare > 0 and name == HELD_OUT
        load = beside.load_seconds or 0.0 if first else 0.0
        return (scored.seconds or 0.0) + load + (beside.comparison_seconds or 0.0 if compared else 0.0)

    def memory(self, job: str, *, first: bool) -> int:
        """Peak bytes of an eval; 0 where the plan does not know it."""
        _, name, subject = job.split(":")
        beside, own = self._subject(subject), self._eval(name).memory_bytes or 0
        loading = beside.load_memory_bytes or 0 if first else 0
        return max(own, loading, beside.comparison_memory_bytes or 0 if name == HELD_OUT else 0)

    def _eval(self, name: str) -> EvalForecast:
        return next(one for one in self.expected.evals if one.eval == name)

    def _subject(self, subject: str) -> SubjectForecast:
        kind = self.methods.get(subject.partition("#")[0], "base")
        return next(one for one in self.expected.subjects if one.kind == kind)


def planned(loaded: LoadedSuite, home: Path) -> Plan:
    """A first plan."""
    clock = ChildClock()
    timing.time = SimpleNamespace(monotonic=clock.monotonic)  # type: ignore[assignment]  # its clock alone
    expected = forecast(loaded, home=home, server=TimedServer(clock=clock))
    methods = {arm.name: loaded.suite.recipe[arm.recipe].method for arm in loaded.suite.expand()}
    return Plan(expected=expected, methods=methods)


class JobClock(QuietDisplay):
    """Processor seconds of everything below this process while each job lasts, and the peak of its evals' processes,
    which is looked at from outside: an eval forgets the peak of its load."""

    def __init__(self) -> None:
        self._since = 0.0
        self._peak = 0
        self.seconds: dict[str, float] = {}
        self.peaks: dict[str, int] = {}
        threading.Thread(target=self._look, daemon=True).start()

    def started(self, job_id: str) -> None:
        """A job begins."""
        self._since, self._peak = below(), 0

    def ended(self, job_id: str, *facts: Any, **more: Any) -> None:
        """A job has ended."""
        self.seconds[job_id] = below() - self._since
        if job_id.startswith("eval:"):
            self.peaks[job_id] = self._peak

    def _look(self) -> None:
        while True:
            sizes = [resident for process in job_processes() if (resident := resident_bytes(process)) is not None]
            self._peak = max(self._peak, *sizes, 0)
            time.sleep(LOOK_SECONDS)


def job_processes() -> list[int]:
    """Processes that the run's server has forked."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [child.pid for server in psutil.Process().children() for child in server.children()]
    return []


def below() -> float:
    """Processor seconds of all processes below this one, ended ones included."""
    return sum(processor_seconds(process) for process in psutil.Process().children(recursive=True))


def suite_of(options: argparse.Namespace, folder: Path) -> LoadedSuite:
    """The suite to plan and run, one job after the other."""
    overrides = ["run.workers=1", "run.probe_steps=0"]
    if options.flagship:
        return load_suite(FLAGSHIP, overrides=[*overrides, "seeds=[0]"])
    question = Question(
        name="planned", base=options.base.resolve(), steps=options.steps, batch=options.batch, limit=options.limit,
        precision=options.precision,
    )  # fmt: skip
    select = f'{{ by = "first", size = {options.limit} }}'
    held_out = f'[[eval]]\nname = "{HELD_OUT}"\nkind = "loss"\ndata = {{ source = "micro:mixed", select = {select} }}\n'
    suite = folder / "planned.toml"
    suite.write_text(suite_text(question) + held_out, encoding="utf-8")
    return load_suite(suite, overrides=overrides)


def show(plan: Plan, clock: JobClock) -> None:
    """The table."""
    print("| job | planned s | taken s | planned / taken | planned MiB | taken MiB | planned / taken |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    seen = set[str]()
    for job, taken in clock.seconds.items():
        subject = job.rpartition(":")[2]
        first = job.startswith("eval:") and subject not in seen
        seen |= {subject} if first else set()
        seconds, memory = plan.seconds(job, first=first), ""
        if (peak := clock.peaks.get(job)) and (most := plan.memory(job, first=first)):
            memory = f"{most / 2**20:,.0f} | {peak / 2**20:,.0f} | {most / peak:.2f}"
        print(f"| {job} | {seconds:.1f} | {taken:.1f} | {seconds / taken:.2f} | {memory or '– | – | –'} |")


def main() -> None:
    """Plan, run, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=Path, nargs="?")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--flagship", action="store_true", help="the shipped suite on the embedded base, one seed")
    options = parser.parse_args()
    if (options.base is None) is not options.flagship:
        parser.error("give a base, or --flagship")
    with tempfile.TemporaryDirectory() as name:
        folder, clock = Path(name), JobClock()
        loaded = suite_of(options, folder)
        plan = planned(loaded, folder / "planned")
        run_suite(loaded, home=folder / "home", reports=folder / "reports", display=clock, go_on=True)
        show(plan, clock)


if __name__ == "__main__":
    main()
