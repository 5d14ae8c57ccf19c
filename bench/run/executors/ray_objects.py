"""Jobs as tasks of a Ray cluster whose nodes see no folder of the run's: inputs and results are objects of the cluster.

A task brings what its node lacks of the job's inputs, starts the node's command in its own home, and sends signs of
life, events, and at last the result. Here they become the very files that a shared folder would have, so that nothing
else of a run knows the difference. Two things need a shared folder and are not done: a run that is begun again does not
adopt jobs, for they ended with it; a lost node's job resumes only where its own node takes it again.
"""

import contextlib
import importlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.atomic import write_text
from bench.places import home
from bench.record.files import CHECKPOINT, LOG, PARTIAL
from bench.run.executors.allowance import Allowance
from bench.run.executors.backend import JobState, Submission
from bench.run.executors.carried_files import (
    CarriedInput,
    NodePlaces,
    common_folders,
    inputs_of,
    inside,
    lacking,
    moved,
    pieces_of,
    write_checked,
)
from bench.run.executors.ray import END_WITH_PARENT, task_options
from bench.run.executors.remote_files import JobFiles, RemoteEnd, RemoteRequest
from bench.run.resolve.hash_cache import HashCache

MessageKind = Literal["beat", "events", "log", "piece", "whole", "end"]
"""`piece` of a file; `whole` after its last one."""

NodeMessage = tuple[MessageKind, str, bytes]
"""What, of which file, content."""

_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _SentTask:
    messages: Any
    taker: threading.Thread


@dataclass(slots=True, kw_only=True)
class RayObjectsBackend:
    """A cluster that this process is connected to."""

    ray: Any
    """The module: it ships no types."""
    home: Path
    python: str | None
    """On the nodes; `None`: the one that Ray runs there."""
    name: str = "ray without a shared folder"
    ends_with_run: bool = True
    _tasks: dict[str, _SentTask] = field(default_factory=dict)
    _pieces: dict[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    """By task that goes on, objects of its inputs by hash: the cluster keeps them as long as something names them."""
    _failures: dict[str, str] = field(default_factory=dict)

    def allowed(self, allowance: Allowance) -> Allowance:
        """The memory, which Ray places tasks by; it ends none at an estimate."""
        return allowance.model_copy(update={"seconds": None})

    def submit(self, submissions: Sequence[Submission]) -> Sequence[str]:
        """Start a task for each, with the request and its inputs."""
        return [self._submit(submission) for submission in submissions]

    def _submit(self, submission: Submission) -> str:
        files = JobFiles(Path(submission.folder))
        request = files.read_request()
        assert request is not None, "the executor wrote it"
        with HashCache(self.home) as hashes:
            inputs = inputs_of(request.work.payload, hashes.digest)
        pieces = self._pieces[submission.name] = self._put(inputs)
        task = self.ray.remote(work_apart).options(**task_options(self.ray, submission), num_returns="streaming")
        sent = [carried.model_dump(mode="json") for carried in inputs]
        messages = task.remote(request.model_dump_json(), sent, pieces, common_folders(self.home), self.python)
        taker = threading.Thread(
            target=self._take, args=(submission.name, messages, files), name=submission.name, daemon=True
        )
        self._tasks[submission.name] = _SentTask(messages=messages, taker=taker)
        taker.start()
        return submission.name

    def state(self, handle: str) -> JobState:
        """Whether its messages are still read; one of an earlier run of this program ended with it."""
        return "active" if handle in self._tasks and self._tasks[handle].taker.is_alive() else "gone"

    def cancel(self, handle: str) -> None:
        """End the task and its process."""
        task = self._tasks.pop(handle, None)
        if task is not None and task.taker.is_alive():
            with contextlib.suppress(Exception):  # of a task that ended this moment
                self.ray.cancel(task.messages, force=True)

    def logs(self, handle: str) -> str:
        """Why a task failed."""
        return self._failures.get(handle, "")

    def _put(self, inputs: Sequence[CarriedInput]) -> dict[str, Sequence[Any]]:
        """Objects by hash; those of tasks that go on are there already."""
        present = {sha256: objects for sent in [*self._pieces.values()] for sha256, objects in sent.items()}
        pieces: dict[str, Sequence[Any]] = {}
        for carried in inputs:
            for name, stored in carried.files.items():
                objects = pieces.get(stored.sha256) or present.get(stored.sha256)
                file = inside(Path(carried.path), name)
                pieces[stored.sha256] = objects or [self.ray.put(piece) for piece in pieces_of(file)]
        return pieces

    def _take(self, handle: str, messages: Iterable[Any], files: JobFiles) -> None:
        """Turn messages into files until the task ends, or its node is lost."""
        try:
            write_messages((self.ray.get(message) for message in messages), files)
        except Exception as error:  # whatever Ray raises of a lost node: the run sees that there is no end
            self._failures[handle] = str(error).strip().splitlines()[0]
        finally:
            self._pieces.pop(handle, None)


def write_messages(messages: Iterable[NodeMessage], files: JobFiles) -> None:
    """Messages of one task as the files of its job. Raises `ValueError` for a file that would be outside of it."""
    writing = files.folder / "arriving"
    for kind, name, content in messages:
        match kind:
            case "beat":
                write_text(files.beat, content.decode())
            case "events":
                _append(files.events, content)
            case "piece":
                _append(writing, content)
            case "whole":
                target = inside(files.job, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                writing.replace(target)
            case "log":
                (files.job / LOG).write_bytes(content)
            case "end":
                write_text(files.end, content.decode())  # the run compares the files with the hashes in it


def _append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


# On the node.


def work_apart(
    request_json: str,
    inputs_json: Sequence[Mapping[str, Any]],
    pieces: Mapping[str, Sequence[Any]],
    run_folders: tuple[str, ...],
    python: str | None,
) -> Iterator[NodeMessage]:
    """Do the job in this node's own home."""
    get: Callable[[Any], bytes] = importlib.import_module("ray").get
    request = RemoteRequest.model_validate_json(request_json)
    inputs = [CarriedInput.model_validate(carried, strict=False) for carried in inputs_json]

    here = home()
    places = NodePlaces(run=run_folders, node=common_folders(here))
    for carried in inputs:
        for file, stored in lacking(Path(places.of(carried.path)), carried):
            if places.is_shipped(carried.path):
                raise ValueError(f"{file} of this node's program is not the run's: install the same version")
            write_checked(file, (get(piece) for piece in pieces[stored.sha256]), stored.sha256)
    folder = here / "jobs" / request.digest
    _clear(folder)
    files = JobFiles(folder)
    files.folder.mkdir(parents=True)
    work = request.work.model_copy(
        update={
            "payload": moved(request.work.payload, places),
            "folder": str(folder),
            "log": str(folder / LOG),
        }
    )
    write_text(files.request, request.model_copy(update={"work": work}).model_dump_json())
    command = [python or sys.executable, "-m", "bench.node", str(folder), str(request.attempt)]
    environment = {**os.environ, "BENCH_HOME": str(here), END_WITH_PARENT: "1"}
    with subprocess.Popen(command, env=environment) as process:
        try:
            yield from _messages(process, files)
        finally:
            process.kill()


def _clear(folder: Path) -> None:
    """What an attempt here left, but for what the job resumes from."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        if not (entry.name.startswith(CHECKPOINT) or entry.name == PARTIAL):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _messages(process: subprocess.Popen[bytes], files: JobFiles) -> Iterator[NodeMessage]:
    """What the job's process writes, as it comes; its result and its end last."""
    read, beat = 0, b""
    while True:
        over = process.poll() is not None
        with contextlib.suppress(OSError):
            latest = files.beat.read_bytes()
            if latest != beat:
                beat = latest
                yield "beat", "", beat
            new = files.events.read_bytes()[read:]
            if new := new[: new.rfind(b"\n") + 1]:
                read += len(new)
                yield "events", "", new
        if over:
            break
        time.sleep(_LOOK_SECONDS)
    with contextlib.suppress(OSError):
        yield "log", "", (files.job / LOG).read_bytes()
    end = files.read_end()
    if end is not None:
        yield from _result(files, end)


def _result(files: JobFiles, end: RemoteEnd) -> Iterator[NodeMessage]:
    for name in end.files:
        for piece in pieces_of(files.job / name):
            yield "piece", name, piece
        yield "whole", name, b""
    yield "end", "", end.model_dump_json().encode()
