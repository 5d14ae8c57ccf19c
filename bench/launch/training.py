"""A training in its processes: the first does the work of the job, the others follow it, here or on other nodes."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch

import bench.train.job
import bench.train.probe
from bench.launch.elastic import Group, in_ranks, join_ranks
from bench.launch.rendezvous import LOOPBACK, NodePlace
from bench.model.loading.remote_code import own_modules
from bench.places import home
from bench.record.jobs.job import JobResult
from bench.record.jobs.train_job import ProbeJob, TrainJob
from bench.record.store import write_result
from bench.run.process.allocation import allocation
from bench.run.process.invitations import Invitation, folder_of, invited


def train_in_ranks(job: TrainJob | ProbeJob, folder: Path, lead: Callable[[], JobResult]) -> None:
    """Do a training in its processes; the first of them does `lead` and writes the result."""
    launch = (job.training if isinstance(job, ProbeJob) else job).recipe.launch
    here = allocation()
    place = NodePlace(nodes=launch.nodes, address=here.address if launch.nodes > 1 else LOOPBACK)

    def invite(place: NodePlace, run_id: str) -> AbstractContextManager[None]:
        if launch.nodes == 1:
            return nullcontext()
        wanted = Invitation(
            job=job, folder=str(folder), run_id=run_id, nodes=place.nodes, address=place.address, port=place.port
        )
        return invited(folder_of(home(), here), wanted)

    group = Group(launch=launch, folder=folder, place=place)
    in_ranks(group, lambda: write_result(folder, lead()), lambda: _follow(job, folder), invite=invite)


def join_training(invitation: Invitation, folder: Path) -> None:
    """Take part in a training whose head runs on another node."""
    training = invitation.job.training if isinstance(invitation.job, ProbeJob) else invitation.job
    place = NodePlace(node=allocation().node, nodes=invitation.nodes, address=invitation.address, port=invitation.port)
    group = Group(launch=training.recipe.launch, folder=folder, place=place, run_id=invitation.run_id)
    torch.set_num_threads(training.threads)
    join_ranks(group, lambda: _follow(invitation.job, folder))


def _follow(job: TrainJob | ProbeJob, folder: Path) -> None:
    """Be one of a job's processes but the first; the code that a model brings is copied for it alone."""
    with own_modules(folder / "modules" / f"rank{os.environ['RANK']}"):
        if isinstance(job, ProbeJob):
            bench.train.probe.follow_probe(job, folder)
        else:
            bench.train.job.follow_training(job, folder)
