"""Jobs as tasks of a Ray cluster. Ray is imported here alone, when this executor is chosen.

A task starts the node's command and waits for it; Ray places it by its GPUs and cores. What Ray pickles to send a task
stays inside its cluster: a list of words, and this module's name.
"""

import importlib
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.errors import InputError, Problem
from bench.run.executors.allowance import Allowance
from bench.run.executors.backend import JobState, Submission
from bench.run.executors.ray_private import LOOPBACK, on_loopback
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

    def allowed(self, allowance: Allowance) -> Allowance:
        """The memory, which Ray places tasks by; it ends none at an estimate."""
        return allowance.model_copy(update={"seconds": None})

    def submit(self, submissions: Sequence[Submission]) -> Sequence[str]:
        """Start a task for each."""
        for submission in submissions:
            task = self.ray.remote(_run).options(**task_options(self.ray, submission))
            self._tasks[submission.name] = task.remote(submission.command)
        return [submission.name for submission in submissions]

    def state(self, handle: str) -> JobState:
        """Whether the task waits or runs; one of an earlier run of this program ended with it."""
        task = self._tasks.get(handle)
        return "gone" if task is None or self.ray.wait([task], timeout=0)[0] else "active"

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


def task_options(ray: Any, submission: Submission) -> dict[str, Any]:
    """What a task of this job needs. Ray does not retry it: the run does, so that it can say so.

    A task waits for a node with its memory: one that no node has, by the plan's estimate or the suite's limit, gets the
    largest node.
    """
    asked = [submission.allowance.memory_gib, submission.limits.memory_gib]
    needed = min((amount * GIB for amount in asked if amount is not None), default=None)
    largest = max((node["Resources"].get("memory", 0.0) for node in ray.nodes() if node["Alive"]), default=0.0)
    return {
        "num_gpus": submission.gpus,
        "num_cpus": submission.cores,
        "max_retries": 0,
        "name": submission.name,
        "memory": None if needed is None else int(min(needed, largest)),
    }


def connected_ray(spec: RayExecutor) -> Any:
    """Ray, connected to a cluster, which is started where that is asked for. Raises `InputError` without Ray, or
    without a cluster."""
    ray = _imported()
    with environment_variables({"RAY_USAGE_STATS_ENABLED": "0"}):
        if spec.address == "local":
            _start(ray)
            return ray
        try:
            ray.init(address=spec.address, log_to_driver=False, ignore_reinit_error=True)
        except ConnectionError as error:
            what = f"there is no Ray cluster at {spec.address}"
            hint = 'ray start --head; or a file with kind = "ray" and address = "local": docs/scaling.md'
            raise InputError(Problem(reference="executor.ray", what=what, hint=hint)) from error
    return ray


def _start(ray: Any) -> None:
    """A cluster of this machine that no other machine can reach. Raises `InputError` where this Ray cannot do that."""
    what = f"ray {ray.__version__} starts no cluster that listens on loopback alone"
    hint = 'ray start --head, where that may listen, then address = "auto"'
    refusal = InputError(Problem(reference="executor.ray", what=what, hint=hint))
    try:
        with on_loopback():
            ray.init(address="local", log_to_driver=False, ignore_reinit_error=True, include_dashboard=False)
    except (ImportError, AttributeError) as error:
        raise refusal from error
    if {node["NodeManagerAddress"] for node in ray.nodes()} != {LOOPBACK}:
        ray.shutdown()
        raise refusal


def _imported() -> Any:
    """Ray itself. Raises `InputError` where it is not installed."""
    what, hint = "the ray executor needs ray, which is not installed", 'pip install "sft-bench[ray]"'
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError as error:
        raise InputError(Problem(reference="executor.ray", what=what, hint=hint)) from error
    if ray.__file__ is None:  # a folder without `__init__.py`, which Python imports all the same
        what = f"the ray executor needs ray, and Python finds the folder {next(iter(ray.__path__))} in its place"
        hint = f"rename the folder, or leave it out of PYTHONPATH; {hint}"
        raise InputError(Problem(reference="executor.ray", what=what, hint=hint))
    return ray


def _run(command: tuple[str, ...]) -> int:
    """On the node: the job's process, which ends with this one."""
    return subprocess.run(command, env={**os.environ, END_WITH_PARENT: "1"}, check=False).returncode
