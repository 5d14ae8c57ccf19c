"""The table of what a child can do. Importing this module imports the heavy libraries, once, in the fork server; what
only jobs need it imports while nobody waits for a child (`bench.run.process.idle_imports`): a run's checks come first.

Contract: `KINDS` maps a kind to its payload's type and to a function of (payload, folder, emit), `SERVICES` to one that
takes further requests; see `bench.run.process.child`, which gives a child its log, its end and its errors. Nothing here
starts a thread or touches a device at import: forks would inherit it.
"""

import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm  # type: ignore[import-untyped]  # it ships no types
from transformers.conversion_mapping import get_checkpoint_conversion_mapping

from bench.emit import Emit
from bench.endpoint.local_model import CompleteRequest, WriterRequest
from bench.model.accelerate_private import remember_packages
from bench.model.loading.remote_code import own_modules
from bench.model.size.description import DescribeRequest
from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.eval_job import AnswerJob, EvalJob, ShareJob
from bench.record.jobs.planned_training import PlannedTraining
from bench.record.jobs.train_job import ProbeJob, SweepJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.run.process import idle_imports
from bench.run.process.invitations import Invitation
from bench.run.process.payloads import (
    BuildRequest,
    CheckRequest,
    CodeRequest,
    CountRequest,
    ExportRequest,
    FetchRequest,
    GivenRequest,
    MemoryRequest,
    PrecisionRequest,
    RehearsalRequest,
    ShowRequest,
    SoundRequest,
    StandInsRequest,
    TrustRequest,
    UnpackRequest,
)
from bench.run.process.work import IN_TURN, REST, Payload, Rest, Service, TurnGiven, WorkKind
from bench.spec import build_specs
from bench.worker import data, models, planning


def _job(name: str) -> Callable[..., Any]:
    """What does one kind of job."""

    def do(*asked: Any) -> object:
        from bench.worker import jobs  # the server may have it by now

        return getattr(jobs, name)(*asked)

    return do


def _apart(payload: type[Payload], do: Callable[[Payload, Path, Emit], object]) -> WorkKind[Payload]:
    """A job that may run beside others on the same weights: the code that those bring is copied for it alone."""

    def run(job: Payload, folder: Path, emit: Emit) -> object:
        with own_modules(folder):
            return do(job, folder, emit)

    return WorkKind(payload=payload, do=run)


def _probe_in_turn(job: ProbeJob, folder: Path, emit: Emit, turns: Iterator[TurnGiven]) -> None:
    with own_modules(folder):
        _job("probe_in_turn")(job, folder, emit, turns)


KINDS: dict[str, WorkKind[Any]] = {
    "train": _apart(PlannedTraining, _job("train")),
    "sweep": _apart(SweepJob, _job("sweep")),
    "probe": _apart(ProbeJob, _job("probe")),
    "join": WorkKind(payload=Invitation, do=_job("join")),
    "trajectory": _apart(TrajectoryJob, _job("trajectory")),
    "eval": _apart(EvalJob, _job("evaluate")),
    "answer": _apart(AnswerJob, _job("answer")),
    "share": _apart(ShareJob, _job("share")),
    REST: WorkKind(payload=Rest, do=_job("rest")),
    "deploy": _apart(DeployJob, _job("deploy")),
    "count": WorkKind(payload=CountRequest, do=planning.count),
    "memory": WorkKind(payload=MemoryRequest, do=planning.memory),
    "precision": WorkKind(payload=PrecisionRequest, do=planning.precision),
    "check": WorkKind(payload=CheckRequest, do=planning.check),
    "sound": WorkKind(payload=SoundRequest, do=planning.sound),
    "given": WorkKind(payload=GivenRequest, do=planning.given),
    "stand-ins": WorkKind(payload=StandInsRequest, do=planning.stand_ins),
    "rehearse": WorkKind(payload=RehearsalRequest, do=planning.rehearse),
    "facts": WorkKind(payload=PlannedTraining, do=planning.facts),
    "fetch": WorkKind(payload=FetchRequest, do=data.fetch),
    "code": WorkKind(payload=CodeRequest, do=models.code),
    "trust": WorkKind(payload=TrustRequest, do=models.trust),
    "build": WorkKind(payload=BuildRequest, do=models.build),
    "unpack": WorkKind(payload=UnpackRequest, do=models.unpack),
    "describe": WorkKind(payload=DescribeRequest, do=models.describe),
    "export": WorkKind(payload=ExportRequest, do=models.export),
    "show": WorkKind(payload=ShowRequest, do=data.show),
}

SERVICES: dict[str, Service[Any, Any]] = {
    "complete": Service(payload=WriterRequest, request=CompleteRequest, do=models.complete),
    IN_TURN: Service(payload=ProbeJob, request=TurnGiven, do=_probe_in_turn),
}

# tqdm would make a semaphore of the system's in each child, which a child that is killed leaves behind.
tqdm.set_lock(threading.RLock())

remember_packages()

build_specs()  # for all children, too

get_checkpoint_conversion_mapping("")  # compiles a thousand patterns once, for all children that load a model

# What was imported lives as long as the server. Out of the collector's sight it is neither scanned in each child nor
# copied page by page when a collection writes to it. Not collected before: that takes half a second, for which the
# first child would wait, and frees twelve thousand of 850,000 objects.
gc.freeze()

idle_imports.LATER += ["bench.train.planning.check", "bench.evals.lm_eval.run", "bench.worker.jobs"]
