"""Jobs through programs that are called: a user's templates, and Slurm's own commands as such templates."""

import json
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from string import Template

from bench.atomic import write_text
from bench.errors import InputError, Problem
from bench.run.executors.backend import Submission
from bench.suite.tables.executor import CommandExecutor, CommandWords, SlurmExecutor, check_template

_CALL_SECONDS = 120.0
_GRACE_MINUTES = 5
"""Beyond the suite's limit, which the run itself holds a job to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandBackend:
    """Programs with the job's values in their arguments; no shell reads them."""

    name: str
    templates: CommandExecutor
    manifest: str | None = None
    """Text of the template file."""
    ends_with_run: bool = False

    def submit(self, submission: Submission) -> str:
        """Call `submit`. Raises `InputError` where it fails."""
        values = _values(submission)
        if self.manifest is not None:
            path = Path(submission.folder) / "remote" / "manifest"
            write_text(path, Template(self.manifest).safe_substitute(values))
            values["manifest"] = str(path)
        called = _call(self.templates.submit, values)
        if called.returncode:
            said = (called.stderr or called.stdout).strip().splitlines()
            raise _failed(self.templates.submit, said[-1] if said else f"exit code {called.returncode}")
        lines = called.stdout.strip().splitlines()
        return lines[-1].strip() if lines else submission.name

    def alive(self, handle: str) -> bool | None:
        """Call `alive`, if there is such a template."""
        if not self.templates.alive:
            return None
        return _call(self.templates.alive, {"handle": handle}).returncode == 0

    def cancel(self, handle: str) -> None:
        """Call `cancel`; what it answers does not matter."""
        _call(self.templates.cancel, {"handle": handle})

    def logs(self, handle: str) -> str:
        """Call `logs`, if there is such a template."""
        return _call(self.templates.logs, {"handle": handle}).stdout if self.templates.logs else ""


def command_backend(spec: CommandExecutor, beside: Path) -> CommandBackend:
    """A user's templates; the manifest is a file in the folder `beside`. Raises `InputError` for one that is wrong."""
    if spec.manifest is None:
        return CommandBackend(name="command", templates=spec)
    try:
        text = (beside / spec.manifest).read_text(encoding="utf-8")
        check_template(text)
    except (OSError, ValueError) as error:
        what = f"the manifest {spec.manifest} cannot be used: {error}"
        raise InputError(Problem(reference="executor.manifest", what=what, where=str(beside))) from error
    return CommandBackend(name="command", templates=spec, manifest=text)


def slurm_backend(spec: SlurmExecutor, *, limited: bool) -> CommandBackend:
    """Slurm's commands. `limited`: whether the suite limits a job's seconds, which is then Slurm's limit, too."""
    named = {"partition": spec.partition, "account": spec.account, "qos": spec.qos, "constraint": spec.constraint}
    submit = (
        "sbatch", "--parsable", "--requeue", "--open-mode=append", "--job-name=${name}", "--nodes=1", "--ntasks=1",
        "--cpus-per-task=${cores}", "--output=${folder}/remote/slurm.txt",
        *(f"--{key}={value}".replace("$", "$$") for key, value in named.items() if value is not None),
        *(("--gpus-per-node=${gpus}",) if spec.gpus else ()),
        *(("--time=${minutes}",) if limited else ()),
        *(option.replace("$", "$$") for option in spec.options),
        "--wrap=exec ${command}",
    )  # fmt: skip
    templates = CommandExecutor(
        kind="command",
        submit=submit,
        cancel=("scancel", "${handle}"),
        alive=("sh", "-c", 'squeue -h -j "$$1" -o %T 2>/dev/null | grep -q .', "sh", "${handle}"),
    )
    return CommandBackend(name="slurm", templates=templates)


def _values(submission: Submission) -> dict[str, str]:
    minutes = 0 if submission.seconds is None else int(submission.seconds / 60) + 1 + _GRACE_MINUTES
    return {
        "name": submission.name,
        "folder": submission.folder,
        "command": shlex.join(submission.command),
        "command_json": json.dumps(submission.command),
        "gpus": str(submission.gpus),
        "cores": str(submission.cores),
        "minutes": str(minutes),
        "memory_gib": "" if submission.memory_gib is None else f"{submission.memory_gib:g}",
        "handle": submission.name,
    }


def _call(words: CommandWords, values: dict[str, str]) -> subprocess.CompletedProcess[str]:
    arguments = [Template(word).safe_substitute(values) for word in words]
    try:
        return subprocess.run(
            arguments, capture_output=True, text=True, timeout=_CALL_SECONDS, check=False, stdin=subprocess.DEVNULL,
            errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(arguments, 127, "", str(error))


def _failed(words: CommandWords, said: str) -> InputError:
    return InputError(Problem(reference="executor.submit", what=f"{words[0]} did not start the job: {said[:200]}"))
