"""What a subject takes beside its scoring, before there is one: the time and memory of its load, and of the comparison
with its base.

Method: something of the same shape stands in for what a training will have made: the base's own files for all weights,
an adapter of zeros for an adapter. An eval loads it as it would load the subject, and scores nothing.
"""

import tempfile
import traceback
from pathlib import Path
from typing import Any

import torch

import bench.evals.job  # noqa: F401  # an eval's libraries are counted
from bench.emit import Emit, Event, StageDone
from bench.evals.outcome import EvalOutput
from bench.evals.subject.loader import SubjectLoader
from bench.evals.subject.subject import Subject
from bench.evals.subject_job import score_subject
from bench.machine.device import pick_device
from bench.machine.peak_memory import PeakMemory
from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import TrainJob
from bench.run.process.payloads import StandIn, StandInsReply, StandInsRequest, SubjectMemory
from bench.suite.resolved import ResolvedWeights
from bench.train.arguments.adapters import peft_config, skeleton

_MADE_UP_STEPS = 100
"""Steps that an adapter plans over."""


def load_stand_ins(request: StandInsRequest, folder: Path, emit: Emit) -> StandInsReply:
    """Loads each, one after another, as a process of a run does; `emit` gets three `StageDone` of each. Of what cannot
    be made or loaded there is no memory, and the log says why."""
    loader, found = SubjectLoader(), list[SubjectMemory | None]()
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for number, asked in enumerate(request.subjects):
            torch.set_num_threads(asked.job.threads)
            try:
                job = _ready(asked, Path(scratch) / str(number))
                emit(StageDone(stage="made"))
                found.append(_load(job, Path(scratch), emit, loader, compared=asked.compared))
                emit(StageDone(stage="compared"))
            except Exception:  # whatever a foreign architecture or method raises
                traceback.print_exc()
                found.append(None)
    return StandInsReply(memory=tuple(found))


def _load(job: EvalJob, folder: Path, emit: Emit, loader: SubjectLoader, *, compared: bool) -> SubjectMemory:
    memory, peaks = PeakMemory(pick_device()), list[int | None]()

    def noted(event: Event) -> None:
        peaks.append(memory.process_bytes())  # scoring forgets the peak of loading
        emit(event)

    memory.start()
    loaded = score_subject(job, folder, noted, _nothing, loader=loader)
    return SubjectMemory(
        load_bytes=peaks[0],
        resident_bytes=loaded.peak_process_bytes,
        comparison_bytes=memory.process_bytes() if compared else None,
    )


def _nothing(job: EvalJob, subject: Subject, emit: Emit) -> EvalOutput:
    return EvalOutput(rows=(), measures=(), template="", batch="", truncated=0)


def _ready(asked: StandIn, folder: Path) -> EvalJob:
    """The eval of the stand-in, whose weights are now in `folder` or elsewhere."""
    base = asked.job.model.model_copy(update={"starts": ()})
    job = asked.job.asked_anew(model=base, engine=None)
    if asked.training is None:
        return job
    adapter = asked.training.recipe.adapter is not None
    path = str(_zeros(asked.training, folder)) if adapter else job.model.path
    form: Any = "adapter" if adapter else "weights"
    weights = ResolvedWeights(source="stand-in", form=form, revision=None, path=path, sha256="")
    return job.model_copy(update={"training": None, "training_path": None, "given": weights})


def _zeros(training: TrainJob, folder: Path) -> Path:
    """An adapter of the training's shape; merged, it changes nothing."""
    config = peft_config(training.recipe, training.model, steps=_MADE_UP_STEPS)
    adapted: Any = skeleton(training.model, config)
    trained = ((name, value) for name, value in adapted.named_parameters() if value.requires_grad)
    state = {name: torch.zeros(value.shape, dtype=value.dtype) for name, value in trained}
    adapted.save_pretrained(folder, state_dict=state)
    return folder
