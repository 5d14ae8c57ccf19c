"""How far a run is: jobs by kind, what failed, and the scores that are there already.

Contract: from the record alone, on any machine that sees it. A run writes it anew within 20 s of a job's end.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console

from bench.record.record import JobRecord, Record
from bench.record.rundir import RECORD, RunDirectory
from bench.report.as_json import to_json
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render import format as fmt
from bench.report.render.terminal import print_report
from bench.report.render.view import Bullets, Cell, Section, View

_PARTS = ("Arms", "Claims")
"""Sections of the report that are worth reading before a run ends."""
_MOST_FAILURES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class KindStatus:
    """Jobs of one kind."""

    kind: str
    done: int
    failed: int
    pending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """How far one run is."""

    run: str
    suite: str
    finished: bool
    """Whether the run came to its end; a run that was stopped did not."""
    kinds: tuple[KindStatus, ...]
    failures: tuple[str, ...]
    """Jobs without a result, each with its reason."""

    @property
    def sentence(self) -> str:
        """`Not finished: training 4 of 18 done; evaluation 12 of 114 done, 1 failed.`"""
        words = "Finished" if self.finished else "Not finished"
        return f"{words}: {'; '.join(_counted(kind) for kind in self.kinds)}."


def _counted(kind: KindStatus) -> str:
    failed = f", {kind.failed} failed" if kind.failed else ""
    return f"{kind.kind} {kind.done} of {kind.done + kind.failed + kind.pending} done{failed}"


def run_status(directory: RunDirectory) -> RunStatus:
    """The status. Raises `InputError` where the record cannot be read."""
    record = directory.load()
    jobs = _jobs(record)
    kinds = [
        _kind(kind, [job for kind_of, job in jobs if kind_of == kind])
        for kind in dict.fromkeys(kind for kind, _ in jobs)
    ]
    failures = [f"{job.id}: {job.failure.message}" for _, job in jobs if job.failure is not None]
    return RunStatus(
        run=directory.path.name,
        suite=record.resolved.suite.name,
        finished=record.finished is not None,
        kinds=tuple(kinds),
        failures=tuple(failures),
    )


def _jobs(record: Record) -> list[tuple[str, JobRecord]]:
    """(kind, job) in the order in which a run needs them."""
    return [
        *(("sweep", sweep.job) for sweep in record.sweeps),
        *(("training", training.job) for training in record.trainings),
        *(("probe", probe.job) for probe in record.probes),
        *(("deployed form", deployment.job) for deployment in record.deployments),
        *(("stored steps", trajectory.job) for trajectory in record.trajectories),
        *(("answers", answers.job) for answers in record.answers),
        *(("share of an eval", share.job) for share in record.shares),
        *(("evaluation", evaluation.job) for evaluation in record.evaluations),
    ]


def _kind(kind: str, jobs: Sequence[JobRecord]) -> KindStatus:
    counts = Counter(job.status for job in jobs)
    return KindStatus(kind=kind, done=counts["done"], failed=counts["failed"], pending=counts["pending"])


def print_status(directory: RunDirectory, console: Console) -> RunStatus:
    """Print how far the run is, and the arms' scores and the claims so far."""
    status = run_status(directory)
    report = compose(compare(directory))
    console.print()
    failures = [Cell(text=failure, tone="bad") for failure in status.failures[:_MOST_FAILURES]]
    if len(status.failures) > _MOST_FAILURES:
        failures.append(Cell(text=f"and {len(status.failures) - _MOST_FAILURES:,} more"))
    failed = [Section(title="Failed", blocks=(Bullets(items=tuple(failures)),))] if failures else []
    so_far = [section for section in report.sections if section.title in _PARTS]
    view = View(
        title=f"{status.suite} · {status.run}",
        banner=report.banner,
        question=report.question,
        status=Cell(text=status.sentence),
        complete=report.complete,
        sections=(*so_far, *failed),
    )
    print_report(view, console)
    return status


def watch(
    directory: RunDirectory, console: Console, *, seconds: float, sleep: Callable[[float], None] = time.sleep
) -> RunStatus:
    """Print the status whenever the record has changed, at most every `seconds`, until the run ends."""
    seen = -1
    while True:
        changed = (directory.path / RECORD).stat().st_mtime_ns
        if changed != seen:
            seen = changed
            status = print_status(directory, console)
            if status.finished:
                return status
            console.print(f"Next look in {fmt.seconds(seconds)}; end with Ctrl-C, the run goes on.", style="dim")
        sleep(seconds)


def status_json(status: RunStatus) -> object:
    """What `bench status --json` prints."""
    return to_json(status)
