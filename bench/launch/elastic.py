"""A job's processes: torch's elastic agent in the job's child starts them, watches them and ends them together.

The agent is the job's child itself, which touches no device: its processes are forks of it, so that none imports the
libraries again, and each has its device for itself. Restarts are not the agent's: a failed training ends with its
reason, and the next run resumes from its checkpoint.
"""

import contextlib
import os
import shutil
import signal
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from bench.atomic import write_text
from bench.launch.rendezvous import BACKEND, Listener, NodePlace
from bench.processes import end_with_parent
from bench.record.files import RANKS
from bench.run.process.environ import environment_variables
from bench.run.process.failure_report import FailureReport, JobFailedError
from bench.run.process.server import failure_of
from bench.spec import Spec
from bench.suite.tables.training.launch import Launch

_SECONDS_BEFORE_END = 0.5
"""Between a process's own failure and its end: where a peer's death made it fail, the agent sees the peer first."""
_SECONDS_FOR_NODES = 5.0
"""Between the first failure and the verdict, for what other nodes have to say."""
_STOP_SECONDS = 2
"""For processes to end when they are asked to; then they are killed."""
_POLL_SECONDS = 0.1

Invite = Callable[[NodePlace, str], contextlib.AbstractContextManager[None]]
"""Tells the other nodes where the head listens and the group's name, as long as it is entered."""


def _invite_nobody(place: NodePlace, run_id: str) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


class RankFailure(Spec):
    """A process's failure, as a file that the head reads."""

    rank: int
    report: FailureReport
    at: float
    """Seconds since 1970; 0 where it was killed, which is no other process's doing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The processes of one job, seen from one node."""

    launch: Launch
    folder: Path
    """The job's, which all nodes see."""
    place: NodePlace = field(default_factory=NodePlace)
    run_id: str = ""

    @property
    def reports(self) -> Path:
        """Where processes say why they failed."""
        return self.folder / RANKS


def in_ranks(
    group: Group, lead: Callable[[], object], follow: Callable[[], object], *, invite: Invite = _invite_nobody
) -> None:
    """`lead` as rank 0 and `follow` as every other, in processes of their own; for one process `lead`, here.

    Raises the failure that came first: `InputError` with its problems, or `JobFailedError` with its reason.
    """
    if group.launch.processes == 1:
        lead()
        return
    listener = Listener(group.place.address)
    group = replace(group, place=replace(group.place, port=listener.port), run_id=group.run_id or uuid.uuid4().hex)
    _remove_reports(group)
    group.reports.mkdir(parents=True)
    try:
        with invite(group.place, group.run_id):
            _run_agent(group, lambda: lead() if os.environ["RANK"] == "0" else follow(), listener)
    finally:
        _remove_reports(group)


def _remove_reports(group: Group) -> None:
    """Renamed first: a node that ends meanwhile then has no place to put a word, which would keep the folder."""
    ended = group.reports.with_suffix(".ended")
    shutil.rmtree(ended, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        group.reports.rename(ended)
    shutil.rmtree(ended, ignore_errors=True)


def join_ranks(group: Group, follow: Callable[[], object]) -> None:
    """This node's part of a job whose head is elsewhere. Raises as `in_ranks` does."""
    _run_agent(group, follow, listener=None)


def _run_agent(group: Group, work: Callable[[], object], listener: Listener | None) -> None:
    launch, place = group.launch, group.place
    logs = group.reports / f"node{place.node}"
    logs.mkdir(parents=True, exist_ok=True)
    with environment_variables({"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}):  # else the agent's look at CUDA spoils forks
        config = LaunchConfig(
            min_nodes=place.nodes,
            max_nodes=place.nodes,
            nproc_per_node=launch.per_node,
            logs_specs=DefaultLogsSpecs(log_dir=str(logs)),
            run_id=group.run_id,
            role="rank",
            rdzv_backend=BACKEND,
            rdzv_endpoint=f"{place.address}:{place.port}",
            rdzv_configs={"place": place, "listener": listener},
            max_restarts=0,
            monitor_interval=_POLL_SECONDS,
            start_method="fork",
            local_addr=place.address,
            shutdown_timeout=_STOP_SECONDS,
        )
        try:
            elastic_launch(config, _as_rank)(work, group.reports)
        except ChildFailedError as error:
            _report_kills(group, error)
            raise _verdict(group).error() from None
        finally:
            with contextlib.suppress(OSError):
                (group.reports / f"node{place.node}.ended").touch()


def _as_rank(work: Callable[[], object], reports: Path) -> None:
    """A process's life: its failure is a file before it is an end."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the agent's handlers came with the fork
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    try:
        work()
    except BaseException as error:  # its every end is data for the head
        rank, at = int(os.environ["RANK"]), time.time()
        with contextlib.suppress(OSError):
            traceback.print_exc()
            failed = RankFailure(rank=rank, report=FailureReport.of(error), at=at)
            write_text(reports / f"{rank}.json", failed.model_dump_json())
            sys.stderr.flush()
        time.sleep(_SECONDS_BEFORE_END)
        os._exit(1)


def _report_kills(group: Group, error: ChildFailedError) -> None:
    """Files for processes that ended without a word of their own."""
    for rank, failure in error.failures.items():
        path = group.reports / f"{rank}.json"
        if path.exists():
            continue
        kind = failure_of(failure.exitcode)
        report = FailureReport(kind=kind.kind, message=kind.message)
        with contextlib.suppress(OSError):
            write_text(path, RankFailure(rank=rank, report=report, at=0.0).model_dump_json())


def _verdict(group: Group) -> FailureReport:
    """The earliest failure of any process: what follows from it comes later. A node without a word was lost."""
    deadline = time.monotonic() + _SECONDS_FOR_NODES
    lost = list(_silent(group))
    while lost and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        lost = list(_silent(group))
    failures = list(_failures(group))
    first = min(failures, key=lambda failure: failure.at, default=None)
    if lost and (first is None or first.at > 0):
        seen = "" if first is None else f"; then {_named(first, group).message}"
        return FailureReport(kind="killed", message=f"node {lost[0] + 1} of {group.place.nodes} was lost{seen}")
    if first is None:
        raise JobFailedError("crashed", "the processes ended without a result or a reason")
    return _named(first, group)


def _silent(group: Group) -> Iterator[int]:
    """Other nodes that have not ended."""
    for node in range(group.place.nodes):
        if node != group.place.node and not (group.reports / f"node{node}.ended").exists():
            yield node


def _failures(group: Group) -> Iterator[RankFailure]:
    for path in group.reports.glob("*.json"):
        if (failure := RankFailure.kept_in(path)) is not None:
            yield failure


def _named(failed: RankFailure, group: Group) -> FailureReport:
    """The report, with the process that it is of where that is not the first, or was killed."""
    report = failed.report
    if report.problems or (failed.rank == 0 and failed.at > 0):
        return report
    who = f"process {failed.rank + 1} of {group.launch.processes}"
    return report.model_copy(update={"message": f"{who}: {report.message}"})
