"""A simulated cluster of 100 nodes for 10,000 jobs: makespan, lost work, and what the parent takes.

Only the nodes and the clock are simulated. The scheduler, the files of each job, its locks, hashes and manifests are
the real ones, on this disk; time passes where the scheduler would wait. Nodes fail at random and come back. Durations
are log-normal; a training saves every minute, an eval does not.

`python -m benchmarks.executor [JOBS] [NODES] [HOURS BETWEEN FAILURES OF A NODE]`
"""

import heapq
import itertools
import resource
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench.atomic import write_text
from bench.digest import digest_json
from bench.record.files import RESULT
from bench.record.machine import Machine
from bench.record.store import JobStore
from bench.run.display import Display
from bench.run.executors import remote as remote_module
from bench.run.executors import remote_job as remote_job_module
from bench.run.executors.allowance import Allowance
from bench.run.executors.backend import JobState, Submission
from bench.run.executors.remote import RemoteExecutor
from bench.run.executors.remote_files import Beat, JobFiles, RemoteEnd, result_files
from bench.run.plan.plan import plan
from bench.run.plan.types import PlannedJob
from bench.run.process.server import ChildServer
from bench.run.resolve.suite import resolve
from bench.run.scheduling import scheduler as scheduler_module
from bench.run.scheduling.scheduler import Scheduler
from tests.fakes.suites import fake_suite
from tests.fakes.worker import eval_result, training_result

TRAINING_SECONDS, EVAL_SECONDS = 120.0, 24.0
"""Means."""
SPREAD = 0.6
"""Standard deviation of a duration's logarithm."""
SAVE_SECONDS, START_SECONDS, REPAIR_SECONDS = 60.0, 10.0, 600.0
MACHINE = Machine(device="cpu", processor="simulated", cores=1)
RESULTS = {"train": training_result().model_dump_json(), "eval": eval_result(1.0).model_dump_json()}


@dataclass(slots=True)
class Clock:
    """Seconds since the beginning; what is due happens as it passes."""

    now: float = 0.0
    due: list[tuple[float, int, Any]] = field(default_factory=list)
    numbers: Any = field(default_factory=itertools.count)
    own: float = 0.0
    """Processor seconds of what was due: the nodes' part, not the parent's."""

    def at(self, when: float, what: Any) -> None:
        heapq.heappush(self.due, (when, next(self.numbers), what))

    def advance(self, seconds: float) -> None:
        began, end = time.process_time(), self.now + seconds
        while self.due and self.due[0][0] <= end:
            self.now, _, what = heapq.heappop(self.due)
            what()
        self.now = end
        self.own += time.process_time() - began


@dataclass(slots=True)
class Cluster:
    """Nodes that take one job at a time."""

    name = "simulated"
    ends_with_run = False
    clock: Clock
    nodes: int
    hours_between_failures: float
    lengths: dict[str, float]
    """Seconds of work by digest; of trainings what is left after the last save."""
    saving: set[str]
    draw: np.random.Generator
    free: list[int] = field(default_factory=list)
    waiting: deque[str] = field(default_factory=deque)
    folders: dict[str, Path] = field(default_factory=dict)
    running: dict[int, tuple[str, float]] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    busy: float = 0.0
    lost: float = 0.0
    failures: int = 0

    def begin(self) -> None:
        self.free = list(range(self.nodes))
        for node in range(self.nodes):
            self._fail_later(node)

    def allowed(self, allowance: Allowance) -> Allowance:
        return allowance

    def submit(self, submissions: Sequence[Submission]) -> Sequence[str]:
        for submission in submissions:
            self.folders[submission.name] = Path(submission.folder)
            self.known.add(submission.name)
            self.waiting.append(submission.name)
        self._start()
        return [submission.name for submission in submissions]

    def state(self, handle: str) -> JobState:
        return "active" if handle in self.known else "gone"

    def cancel(self, handle: str) -> None:
        self.known.discard(handle)

    def logs(self, handle: str) -> str:
        return ""

    def _start(self) -> None:
        while self.free and self.waiting:
            node, name = self.free.pop(), self.waiting.popleft()
            self.running[node] = (name, self.clock.now)
            files = JobFiles(self.folders[name])
            files.beat.write_text(Beat(node=f"node{node}", count=1).model_dump_json())
            self.clock.at(self.clock.now + START_SECONDS + self.lengths[files.job.name], partial(self._end, node, name))

    def _end(self, node: int, name: str) -> None:
        if self.running.get(node, ("", 0.0))[0] != name:
            return  # its node failed meanwhile
        began = self.running.pop(node)[1]
        self.busy += self.clock.now - began
        self.known.discard(name)
        files = JobFiles(self.folders[name])
        write_text(files.job / RESULT, RESULTS["train" if files.job.name in self.saving else "eval"])
        end = RemoteEnd(
            digest=files.job.name, node=f"node{node}", machine=MACHINE, seconds=self.clock.now - began, failure=None,
            files=result_files(files.job),
        )  # fmt: skip
        write_text(files.end, end.model_dump_json())
        self.free.append(node)
        self._start()

    def _fail_later(self, node: int) -> None:
        self.clock.at(
            self.clock.now + self.draw.exponential(self.hours_between_failures * 3600), partial(self._fail, node)
        )

    def _fail(self, node: int) -> None:
        self.failures += 1
        if node in self.running:
            name, began = self.running.pop(node)
            digest, worked = self.folders[name].name, max(0.0, self.clock.now - began - START_SECONDS)
            saved = SAVE_SECONDS * (worked // SAVE_SECONDS) if digest in self.saving else 0.0
            self.lengths[digest] -= saved
            self.busy += self.clock.now - began
            self.lost += self.clock.now - began - saved
            self.known.discard(name)
        else:
            self.free.remove(node)
        self.clock.at(self.clock.now + REPAIR_SECONDS, partial(self._repair, node))

    def _repair(self, node: int) -> None:
        self.free.append(node)
        self._fail_later(node)
        self._start()


def jobs_of(root: Path, count: int) -> Iterator[PlannedJob]:
    """As many trainings as evals, each eval after its training; the jobs of a small suite with other digests."""
    server = ChildServer(module="tests.fakes.worker")
    planned = plan(resolve(fake_suite(root), home=root, server=server), home=root).jobs
    training = next(job for job in planned if job.job.kind == "train")
    scoring = next(job for job in planned if job.job.kind == "eval" and job.arm is not None)
    for number in range(count // 2):
        trained, scored = (digest_json([kind, number]) for kind in ("train", "eval"))
        job = training.job.model_copy(update={"seed": number, "digest": trained})
        yield replace(training, job=job, seed=number, rank=2 * number)
        job = scoring.job.model_copy(update={"subject": f"few/full#{number}", "digest": scored, "training": trained})
        yield replace(scoring, job=job, seed=number, after=(trained,), rank=2 * number + 1)


def main(count: int = 10_000, nodes: int = 100, hours_between_failures: float = 24.0) -> None:
    """Simulate one run and print what came of it."""
    draw, clock = np.random.default_rng(0), Clock()
    with tempfile.TemporaryDirectory(prefix="simulated-") as folder:
        root = Path(folder)
        jobs = list(jobs_of(root, count))
        means = {"train": TRAINING_SECONDS, "eval": EVAL_SECONDS}
        lengths = {job.digest: means[job.job.kind] * float(draw.lognormal(-(SPREAD**2) / 2, SPREAD)) for job in jobs}
        work = sum(lengths.values()) + START_SECONDS * count
        saving = {job.digest for job in jobs if job.job.kind == "train"}
        cluster = Cluster(clock, nodes, hours_between_failures, lengths, saving, draw)
        cluster.begin()
        executor = RemoteExecutor(backend=cluster, jobs=nodes + 20, gpus=0, home=folder, attempts=10)
        monotonic = SimpleNamespace(monotonic=lambda: clock.now, sleep=clock.advance, time_ns=time.time_ns)
        for module in (scheduler_module, remote_module, remote_job_module):
            vars(module)["time"] = monotonic
        vars(scheduler_module)["mp_connection"] = SimpleNamespace(wait=lambda _, timeout: clock.advance(timeout))
        resubmitted = list[str]()
        display = Display()
        display.note = resubmitted.append  # type: ignore[method-assign]
        before, began = _megabytes(), time.process_time()
        run = Scheduler(
            executor=executor, store=JobStore(home=root), workers=1, display=display, on_end=lambda job, outcome: None
        )
        run.run(jobs)
        parent = time.process_time() - began - clock.own
        failed = sum(outcome.failure is not None for outcome in run.outcomes.values())
    print(f"{count:,} jobs on {nodes} nodes, each of which fails every {hours_between_failures:g} h: {failed} failed")
    print(
        f"makespan {clock.now:,.0f} s; at the least {work / nodes:,.0f} s: {work / nodes / clock.now:.0%} of it is work"
    )
    print(
        f"{cluster.failures} nodes failed; {len(resubmitted)} jobs submitted again; lost work {cluster.lost / work:.2%}"
    )
    print(f"parent: {parent:,.0f} s of processor time, {parent / clock.now:.1%} of one core, "
          f"{1000 * parent / count:.1f} ms for each job; memory {before:,.0f} → {_megabytes():,.0f} MiB")  # fmt: skip


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:3]), *(float(text) for text in sys.argv[3:4]))
