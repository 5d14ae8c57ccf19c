"""A worker whose trainings and evals are instant, and whose failures are ordered by the job itself.

A training obeys its recipe's learning rate: `orders.py` says which one means what. Every piece of work leaves a line in
`HOME/diary.jsonl`, so that a test can see what ran, when, and beside what.
"""

import ctypes
import json
import math
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.emit import Emit, ExamplesDone, ReadyForTurn, StageDone, StepDone
from bench.errors import InputError, Problem
from bench.evals.step_score import score_step
from bench.evals.trajectory import score_trajectory
from bench.record.files import SCORES, SHARE_REPLIES, STEPS, TRACKING_LOGS
from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.eval_job import EvalJob, ShareJob
from bench.record.jobs.planned_training import PlannedTraining
from bench.record.jobs.train_job import ProbeJob, SweepJob, TrainJob
from bench.record.jobs.trajectory_job import TrajectoryJob
from bench.record.results.evals.evaluation import EvalResult, ScoreRow, ShotRow
from bench.record.results.evals.share import ShareResult
from bench.record.results.training.ledger import Seconds
from bench.record.results.training.result import ProbeResult, SweepResult
from bench.record.store import write_result
from bench.record.sweep import with_chosen_setting
from bench.run.process.payloads import (
    CheckRequest,
    CountRequest,
    FetchRequest,
    MemoryRequest,
    RehearsalRequest,
    SoundRequest,
    StandInsRequest,
)
from bench.run.process.work import IN_TURN, REST, Rest, Service, TurnGiven, WorkKind
from tests.fakes.instant_planning import check, count, fetch, memory, rehearse, sound, stand_ins
from tests.fakes.orders import AWAY, BEST_RATE, CRASHES, ORDERS, UNSCORED
from tests.fakes.results import deploy_result, eval_result, training_result


def train(planned: PlannedTraining, folder: Path, emit: Emit) -> None:
    """A training of three steps."""
    job = with_chosen_setting(planned)
    with Diary(folder, job.id):
        emit(StepDone(step=1, steps=3, loss=2.0, tokens_per_second=100.0))
        print(f"training {job.id}")
        obey(job, folder)
        if job.track:
            (folder / TRACKING_LOGS).mkdir(exist_ok=True)
            (folder / TRACKING_LOGS / f"events.out.tfevents.{job.seed}").write_bytes(b"e")
        (folder / "weights").mkdir(exist_ok=True)
        (folder / "weights" / "adapter.safetensors").write_bytes(b"w" * 100)
        for step in () if job.evaluated is None else job.evaluated.of(3):
            (folder / STEPS / str(step) / "weights").mkdir(parents=True)
            (folder / STEPS / str(step) / "weights" / "adapter.safetensors").write_bytes(b"w" * 100)
            if planned.scoring is not None:
                score_step(planned.scoring, folder / STEPS / str(step), run_eval=score_by_step)
        if job.recipe.learning_rate in (ORDERS["be followed"], ORDERS["be followed and fail"]):
            _await_follower(folder, f"trajectory:qa:{job.arm}#{job.seed}")
            if job.recipe.learning_rate == ORDERS["be followed and fail"]:
                raise RuntimeError("failed at its last step")
        if job.recipe.learning_rate != ORDERS["vanish"]:
            diverged = job.recipe.learning_rate == ORDERS["diverge"]
            stored = () if job.evaluated is None else job.evaluated.of(3)
            result = training_result(diverged=diverged, rate=job.recipe.rate)
            write_result(folder, result.model_copy(update={"stored_steps": stored}))


def sweep(job: SweepJob, folder: Path, emit: Emit) -> None:
    """One setting of a sweep: the nearer to `BEST_RATE`, the lower the loss."""
    rate = job.training.recipe.rate
    with Diary(folder, job.id):
        obey(job.training, folder)
        loss = None if rate == ORDERS["diverge"] else abs(math.log(rate / BEST_RATE))
        write_result(
            folder,
            SweepResult(
                setting=job.setting, loss=loss, dev_rows=job.dev.rows, training_rows=job.training.data.rows, steps=3,
                tokens=30, seconds=0.1,
            ),
        )  # fmt: skip


def probe_in_turn(job: ProbeJob, folder: Path, emit: Emit, turns: Iterator[TurnGiven]) -> None:
    """The same, in its turn."""
    emit(ReadyForTurn())
    next(turns)
    probe(job, folder, emit)


def probe(job: ProbeJob, folder: Path, emit: Emit) -> None:
    """A probe that takes a moment."""
    with Diary(folder, job.id):
        for step in range(1, job.steps + 1):
            time.sleep(0.05)
            emit(StepDone(step=step, steps=job.steps, tokens=10 * step))
        write_result(
            folder,
            ProbeResult(
                steps=job.steps,
                tokens=80,
                slots=100,
                tokens_per_second=100.0,
                peak_process_bytes=5_000_000,
                peak_device_bytes=None,
            ),
        )


def evaluate(job: EvalJob, folder: Path, emit: Emit) -> None:
    """Two examples: the base fails both, a tuned subject passes both; nothing has a score on an eval `UNSCORED`."""
    with Diary(folder, job.id):
        if job.eval.name == CRASHES:
            os.kill(os.getpid(), signal.SIGKILL)
        score = None if job.eval.name in (AWAY, UNSCORED) else 0.0 if job.training is None else 1.0
        emit(StageDone(stage="loaded"))
        for done in range(3):
            emit(ExamplesDone(done=done, total=2))
            time.sleep(0.01)
        rows = [ScoreRow(task="t", id=str(n), metrics={"acc": score}, prompt=f"q{n}") for n in range(2)]
        (folder / SCORES).write_text("".join(row.model_dump_json() + "\n" for row in rows), encoding="utf-8")
        shots = None
        if job.shots is not None:
            shots = tuple(ShotRow(origin=f"few:{n}", sha256="0" * 64, tokens=5) for n in range(job.shots.size))
        write_result(folder, eval_result(score).model_copy(update={"shots": shots}))


def share(job: ShareJob, folder: Path, emit: Emit) -> None:
    """Five replies; the second share of the base fails until the home has a file `mended`."""
    with Diary(folder, job.id):
        asking = job.asking
        assert asking.share is not None
        if asking.subject == "base" and asking.share.number == 2 and not (folder.parents[1] / "mended").exists():
            raise InputError(Problem(reference="fake.refused", what="no memory in this share"))
        (folder / SHARE_REPLIES).write_text("")
        seconds = Seconds(evaluation=0.1, wall=0.1)
        write_result(
            folder,
            ShareResult(replies=5, tokens=10, slots=12, seconds=seconds, peak_process_bytes=1, peak_device_bytes=None),
        )


def deploy(job: DeployJob, folder: Path, emit: Emit) -> None:
    """A form of ten bytes; int8 is something else than what was trained, every other form the same."""
    with Diary(folder, job.id):
        (folder / "weights").mkdir()
        (folder / "weights" / "model.safetensors").write_bytes(b"w" * 10)
        write_result(folder, deploy_result(job.form))


def score_by_step(job: EvalJob, folder: Path, emit: Emit) -> EvalResult:
    """Two dev examples, of which a stored step passes the first from step 2 on; the base none."""
    step = 0 if job.training_path is None else int(Path(job.training_path).name)
    emit(ExamplesDone(done=2, total=2))
    scores = (float(step >= 2), 0.0)
    rows = [ScoreRow(task="t", id=f"dev{n}", metrics={"acc": s}, prompt="long") for n, s in enumerate(scores)]
    (folder / SCORES).write_text("".join(row.model_dump_json() + "\n" for row in rows), encoding="utf-8")
    return eval_result(sum(scores) / 2)


def trajectory(job: TrajectoryJob, folder: Path, emit: Emit) -> None:
    """Every stored step, or the base."""
    with Diary(folder, job.id):
        write_result(folder, score_trajectory(job, folder, emit, run_eval=score_by_step))


KINDS: dict[str, WorkKind[Any]] = {
    "train": WorkKind(payload=PlannedTraining, do=train),
    "sweep": WorkKind(payload=SweepJob, do=sweep),
    "probe": WorkKind(payload=ProbeJob, do=probe),
    "deploy": WorkKind(payload=DeployJob, do=deploy),
    "eval": WorkKind(payload=EvalJob, do=evaluate),
    "share": WorkKind(payload=ShareJob, do=share),
    REST: WorkKind(payload=Rest, do=lambda request, folder, emit: None),
    "trajectory": WorkKind(payload=TrajectoryJob, do=trajectory),
    "count": WorkKind(payload=CountRequest, do=count),
    "memory": WorkKind(payload=MemoryRequest, do=memory),
    "check": WorkKind(payload=CheckRequest, do=check),
    "sound": WorkKind(payload=SoundRequest, do=sound),
    "stand-ins": WorkKind(payload=StandInsRequest, do=stand_ins),
    "rehearse": WorkKind(payload=RehearsalRequest, do=rehearse),
    "fetch": WorkKind(payload=FetchRequest, do=fetch),
}

SERVICES: dict[str, Service[Any, Any]] = {IN_TURN: Service(payload=ProbeJob, request=TurnGiven, do=probe_in_turn)}


def obey(job: TrainJob, folder: Path) -> None:
    """End as the recipe orders it."""
    match {rate: order for order, rate in ORDERS.items()}.get(job.recipe.learning_rate):
        case "raise":
            raise RuntimeError("a [bold]bad[/bold] day\nsecond line")
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "segfault":
            ctypes.string_at(0)
        case "memory":
            raise MemoryError
        case "eat":  # real pages, more than the limit of its test
            eaten = b"x" * (640 << 20)
            time.sleep(60)
            del eaten
        case "refuse":
            raise InputError(Problem(reference="fake.refused", what="no such thing", hint="do another"))
        case "hang":
            checkpoint = folder / "checkpoint"
            if not checkpoint.exists():
                checkpoint.mkdir()
                time.sleep(600)


def _await_follower(folder: Path, job_id: str) -> None:
    """Go on once the job has begun; after fifty seconds without it, too."""
    diary = folder.parents[1] / "diary.jsonl"
    for _ in range(2500):
        if job_id in diary.read_text(encoding="utf-8"):
            return
        time.sleep(0.02)


class Diary:
    """Lines `{"id", "at", "what"}` around a piece of work, in the home that its folder is in."""

    def __init__(self, folder: Path, job_id: str) -> None:
        home = folder.parents[1] if folder.parent.name == "jobs" else folder
        self._id, self._path = job_id, home / "diary.jsonl"

    def _write(self, what: str) -> None:
        line = json.dumps({"id": self._id, "at": time.monotonic(), "what": what, "pid": os.getpid()})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def __enter__(self) -> None:
        self._write("begin")

    def __exit__(self, *_: object) -> None:
        self._write("end")
