"""Jobs through programs that are called by a user's templates."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from bench.atomic import write_text
from bench.errors import InputError, Problem
from bench.run.executors.allowance import NO_ALLOWANCE, Allowance
from bench.run.executors.backend import JobState, Submission
from bench.run.executors.programs import call, not_started
from bench.suite.tables.executor import CommandExecutor, CommandWords, check_template
from bench.suite.tables.suite import Limits

_GRACE_MINUTES = 5
"""Beyond the suite's limit, which the run itself holds a job to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandBackend:
    """Programs with the job's values in their arguments; no shell reads them."""

    templates: CommandExecutor
    manifest: str | None = None
    """Text of the template file."""
    name: str = "command"
    ends_with_run: bool = False

    def allowed(self, allowance: Allowance) -> Allowance:
        """Nothing: a template gets the suite's limits, as no program says that a job outgrew an estimate."""
        del allowance
        return NO_ALLOWANCE

    def submit(self, submissions: Sequence[Submission]) -> Sequence[str | Problem]:
        """Call `submit` for each."""
        return [self._submit(submission) for submission in submissions]

    def _submit(self, submission: Submission) -> str | Problem:
        values = _values(submission)
        if self.manifest is not None:
            path = Path(submission.folder) / "remote" / "manifest"
            write_text(path, Template(self.manifest).safe_substitute(values))
            values["manifest"] = str(path)
        called = call(_filled(self.templates.submit, values))
        if called.returncode:
            return not_started(called)
        lines = called.stdout.strip().splitlines()
        return lines[-1].strip() if lines else submission.name

    def state(self, handle: str) -> JobState | None:
        """Call `alive`, if there is such a template."""
        if not self.templates.alive:
            return None
        return "gone" if call(_filled(self.templates.alive, {"handle": handle})).returncode else "active"

    def cancel(self, handle: str) -> None:
        """Call `cancel`; what it answers does not matter."""
        call(_filled(self.templates.cancel, {"handle": handle}))

    def logs(self, handle: str) -> str:
        """Call `logs`, if there is such a template."""
        return call(_filled(self.templates.logs, {"handle": handle})).stdout if self.templates.logs else ""


def command_backend(spec: CommandExecutor, beside: Path) -> CommandBackend:
    """A user's templates; the manifest is a file in the folder `beside`. Raises `InputError` for one that is wrong."""
    if spec.manifest is None:
        return CommandBackend(templates=spec)
    try:
        text = (beside / spec.manifest).read_text(encoding="utf-8")
        check_template(text)
    except (OSError, ValueError) as error:
        what = f"the manifest {spec.manifest} cannot be used: {error}"
        raise InputError(Problem(reference="executor.manifest", what=what, where=str(beside))) from error
    return CommandBackend(templates=spec, manifest=text)


def limit_minutes(limits: Limits) -> int | None:
    """Minutes that another program allows a job under the suite's limits: a few more than the run itself does."""
    return None if limits.seconds is None else int(limits.seconds / 60) + 1 + _GRACE_MINUTES


def _values(submission: Submission) -> dict[str, str]:
    limits = submission.limits
    return {
        "name": submission.name,
        "folder": submission.folder,
        "command": shlex.join(submission.command),
        "command_json": json.dumps(submission.command),
        "gpus": str(submission.gpus),
        "cores": str(submission.cores),
        "minutes": str(limit_minutes(limits) or 0),
        "memory_gib": "" if limits.memory_gib is None else f"{limits.memory_gib:g}",
        "handle": submission.name,
    }


def _filled(words: CommandWords, values: dict[str, str]) -> list[str]:
    return [Template(word).safe_substitute(values) for word in words]
