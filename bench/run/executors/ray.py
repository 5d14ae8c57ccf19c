"""Jobs as tasks of a Ray cluster. Ray is imported here alone, when this executor is chosen.

A task starts the node's command and waits for it; Ray places it by its GPUs and cores. What Ray pickles to send a task
stays inside its cluster: a list of words, and this module's name.
"""

import importlib
import os
import subprocess
from dataclasses import dataclass, field
from typing import Any

from bench.errors import InputError, Problem
from bench.run.executors.backend import Submission
from bench.run.process.environ import environment_variables
from bench.suite.tables.executor import RayExecutor
from bench.units import GIB

END_WITH_PARENT = "BENCH_END_WITH_PARENT"
"""Variable of a node's process that must not outlive the one that started it."""


@dataclass(slots=True, kw_only=True)
class RayBackend:
    """A cluster that this process is connected to."""

    ray: Any
    """The module: it ships no types."""
    name: str = "ray"
    ends_with_run: bool = True
    _tasks: dict[str, Any] = field(default_factory=dict)

    def submit(self, submission: Submission) -> str:
        """Start a task. Ray does not retry it: the run does, so that it can say so."""
        task = self.ray.remote(_run).options(
            num_gpus=submission.gpus,
            num_cpus=submission.cores,
            max_retries=0,
            name=submission.name,
            memory=None if submission.memory_gib is None else submission.memory_gib * GIB,
        )
        self._tasks[submission.name] = task.remote(submission.command)
        return submission.name

    def alive(self, handle: str) -> bool | None:
        """Whether the task waits or runs; one of an earlier run of this program ended with it."""
        task = self._tasks.get(handle)
        if task is None:
            return False
        ready, _ = self.ray.wait([task], timeout=0)
        return not ready

    def cancel(self, handle: str) -> None:
        """End the task and its process."""
        task = self._tasks.pop(handle, None)
        if task is not None:
            self.ray.cancel(task, force=True)

    def logs(self, handle: str) -> str:
        """Why a task that has ended failed."""
        task = self._tasks.get(handle)
        if task is None or not self.ray.wait([task], timeout=0)[0]:
            return ""
        try:
            self.ray.get(task)
        except self.ray.exceptions.RayError as error:
            return str(error).strip().splitlines()[0]
        return ""


def connected_ray(spec: RayExecutor) -> Any:
    """Ray, connected to a cluster, which is started where that is asked for. Raises `InputError` without Ray, or
    without a cluster."""
    try:
        ray = importlib.import_module("ray")
    except ImportError as error:
        what = "the ray executor needs ray, which is not installed"
        hint = 'pip install "sft-bench[ray]"'
        raise InputError(Problem(reference="executor.ray", what=what, hint=hint)) from error
    with environment_variables({"RAY_USAGE_STATS_ENABLED": "0"}):
        own = {"include_dashboard": False} if spec.address == "local" else {}
        try:
            ray.init(address=spec.address, log_to_driver=False, ignore_reinit_error=True, **own)
        except ConnectionError as error:
            what = f"there is no Ray cluster at {spec.address}"
            hint = 'ray start --head; or a file with kind = "ray" and address = "local": docs/scaling.md'
            raise InputError(Problem(reference="executor.ray", what=what, hint=hint)) from error
    return ray


def _run(command: tuple[str, ...]) -> int:
    """On the node: the job's process, which ends with this one."""
    return subprocess.run(command, env={**os.environ, END_WITH_PARENT: "1"}, check=False).returncode
