"""Jobs through Slurm's own commands: an array for those of a stage that are ready together and need as much.

Contract: `sbatch` gets its script as input, so that nothing is written beside the jobs' own folders; the states of all
jobs come from one `squeue`, which needs no accounting, unlike `sacct`. Slurm requeues what it preempts and what a node
lost; the array's task then begins at its last checkpoint.
"""

import math
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import Problem
from bench.run.executors.allowance import Allowance
from bench.run.executors.backend import JobState, Submission
from bench.run.executors.command import limit_minutes
from bench.run.executors.programs import call, not_started
from bench.suite.tables.executor import SlurmExecutor

_LARGEST_ARRAY = 1000
"""Tasks of one array: Slurm's own default (`MaxArraySize`) is one more."""
_ASK_SECONDS = 5.0
"""Between two calls of `squeue`, however many jobs there are."""
_OVER: dict[str, JobState] = {
    "COMPLETED": "ended",
    **dict.fromkeys(("FAILED", "CANCELLED", "NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REVOKED", "DEADLINE"), "gone"),
    "TIMEOUT": "out_of_time",
    "OUT_OF_MEMORY": "out_of_memory",
}
"""States that a job does not leave by itself; in all others it waits, runs, or will again."""
_TIME_OPTIONS = ("--time", "-t")
_MEMORY_OPTIONS = ("--mem", "--mem-per-cpu", "--mem-per-gpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Needs:
    """What the tasks of one array have in common."""

    stage: str
    gpus: int
    cores: int
    minutes: int | None
    mebibytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    """What a job of this partition may ask for at most: one that asks for more is refused, or waits for ever."""

    minutes: float = math.inf
    mebibytes: float = math.inf
    """Memory of its largest node; 0 where the cluster does not say what its nodes have, and takes no `--mem`."""


@dataclass(slots=True, kw_only=True)
class SlurmBackend:
    """The cluster that `sbatch` here submits to."""

    spec: SlurmExecutor = field(default_factory=SlurmExecutor)
    name: str = "slurm"
    ends_with_run: bool = False
    _states: dict[str, JobState] | None = None
    """By handle, as last seen; `None` where Slurm did not answer."""
    _seen: float = -math.inf
    _outputs: dict[str, Path] = field(default_factory=dict)
    """By handle, what a job printed before its own log was open."""
    _bounds: _Bounds | None = None
    """Bounds as Slurm gave them, asked for once."""

    def allowed(self, allowance: Allowance) -> Allowance:
        """Time and memory, but for what the cluster file's own options say."""
        return Allowance(
            seconds=None if self._says(_TIME_OPTIONS) else allowance.seconds,
            memory_gib=None if self._says(_MEMORY_OPTIONS) else allowance.memory_gib,
        )

    def submit(self, submissions: Sequence[Submission]) -> Sequence[str | Problem]:
        """One `sbatch` for all that need the same; a task's handle is `ARRAY_TASK`, as `squeue` writes it."""
        answers: dict[str, str | Problem] = {}
        for needs, tasks in self._arrays(submissions):
            called = call(self._sbatch(needs, len(tasks)), text=_script(tasks))
            if called.returncode:
                answers |= dict.fromkeys((task.name for task in tasks), not_started(called))
                continue
            array = called.stdout.strip().partition(";")[0]
            handles = {task.name: f"{array}_{number}" for number, task in enumerate(tasks)}
            self._outputs |= {handles[task.name]: _output(task) for task in tasks}
            answers |= handles
        self._seen = -math.inf  # the new ones are not among what was seen
        return [answers[submission.name] for submission in submissions]

    def state(self, handle: str) -> JobState | None:
        """State by `squeue`; a job that it does not list ended some minutes ago (`MinJobAge`)."""
        if time.monotonic() - self._seen >= _ASK_SECONDS:
            self._look()
        return None if self._states is None else self._states.get(handle, "gone")

    def cancel(self, handle: str) -> None:
        """`scancel` of one task."""
        call(["scancel", handle])

    def logs(self, handle: str) -> str:
        """What a job of this run printed before its own log was open: why the program did not start, above all."""
        try:
            return self._outputs[handle].read_text(encoding="utf-8", errors="replace")
        except (KeyError, OSError):
            return ""

    def _look(self) -> None:
        called = call(["squeue", "--me", "--states=all", "--array", "--noheader", "--format=%i %T"])
        pairs = (line.split() for line in called.stdout.splitlines())
        states: dict[str, JobState] = {pair[0]: _OVER.get(pair[1], "active") for pair in pairs if len(pair) == 2}
        self._states, self._seen = None if called.returncode else states, time.monotonic()

    def _arrays(self, submissions: Sequence[Submission]) -> Iterator[tuple[_Needs, list[Submission]]]:
        alike: dict[_Needs, list[Submission]] = {}
        for submission in submissions:
            alike.setdefault(self._needs(submission), []).append(submission)
        for needs, tasks in alike.items():
            for first in range(0, len(tasks), _LARGEST_ARRAY):
                yield needs, tasks[first : first + _LARGEST_ARRAY]

    def _needs(self, submission: Submission) -> _Needs:
        allowance, limits = submission.allowance, submission.limits
        minutes = None if allowance.seconds is None else rounded_up(allowance.seconds / 60)
        memory = None if allowance.memory_gib is None else rounded_up(1024 * allowance.memory_gib)
        limit = None if limits.memory_gib is None else 1024 * limits.memory_gib
        bounds = _Bounds() if minutes is None and memory is None else self._partition()
        return _Needs(
            stage=submission.stage,
            gpus=submission.gpus,
            cores=submission.cores,
            minutes=_least(minutes, limit_minutes(limits), minutes and bounds.minutes),
            mebibytes=_least(memory, limit, memory and bounds.mebibytes) or None,
        )

    def _sbatch(self, needs: _Needs, tasks: int) -> list[str]:
        spec = self.spec
        named = {
            "partition": spec.partition, "account": spec.account, "qos": spec.qos, "constraint": spec.constraint,
            "gpus-per-node": needs.gpus or None, "time": needs.minutes,
            "mem": None if needs.mebibytes is None else f"{needs.mebibytes}M",
        }  # fmt: skip
        return [
            "sbatch", "--parsable", "--requeue", f"--job-name=bench-{needs.stage}", f"--array=0-{tasks - 1}",
            "--nodes=1", "--ntasks=1", f"--cpus-per-task={needs.cores}", "--output=/dev/null",
            *(f"--{option}={value}" for option, value in named.items() if value is not None), *spec.options,
        ]  # fmt: skip

    def _says(self, options: Sequence[str]) -> bool:
        """Whether the cluster file's own options have one of these."""
        return any(word.partition("=")[0] in options for word in self.spec.options)

    def _partition(self) -> _Bounds:
        if self._bounds is None:
            chosen = [] if self.spec.partition is None else [f"--partition={self.spec.partition}"]
            lines = call(["sinfo", "--Node", "--noheader", "--format=%P %l %m", *chosen]).stdout.splitlines()
            nodes = [words for line in lines if len(words := line.split()) == 3 and (chosen or "*" in words[0])]
            memory = [float(words[2]) for words in nodes if words[2].isdigit()]
            self._bounds = _Bounds(
                minutes=max((_minutes(words[1]) for words in nodes), default=math.inf),
                mebibytes=(max(memory) if max(memory) > 1 else 0.0) if memory else math.inf,
            )
        return self._bounds


def rounded_up(amount: float) -> float:
    """The next power of two, or one and a half of one: jobs of about one size make one array."""
    power = 2.0 ** math.floor(math.log2(max(amount, 1.0)))
    return next(step * power for step in (1.0, 1.5, 2.0) if step * power >= amount)


def _least(*amounts: float | None) -> int | None:
    known = [amount for amount in amounts if amount is not None and math.isfinite(amount)]
    return math.ceil(min(known)) if known else None


def _minutes(text: str) -> float:
    """Minutes of `DAYS-HOURS:MINUTES:SECONDS`, as Slurm writes a limit; infinite where it is none."""
    days, _, clock = text.rpartition("-")
    try:
        parts = [int(part) for part in clock.split(":")]
        seconds = sum(part * unit for part, unit in zip(reversed(parts), (1, 60, 3600), strict=False))
        return 1440.0 * int(days or 0) + seconds / 60
    except ValueError:
        return math.inf


def _script(tasks: Sequence[Submission]) -> str:
    """One branch for each task. No shell reads a word of a command."""
    branches = [
        f"{number}) exec >> {shlex.quote(str(_output(task)))} 2>&1; exec {shlex.join(task.command)} ;;"
        for number, task in enumerate(tasks)
    ]
    return "\n".join(["#!/bin/sh", 'case "$SLURM_ARRAY_TASK_ID" in', *branches, "esac", ""])


def _output(task: Submission) -> Path:
    return Path(task.folder) / "remote" / "slurm.txt"
