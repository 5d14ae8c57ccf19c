"""What a record says of the `bench run` that filled it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from bench.errors import InputError
from bench.record.environment import environment, git_state
from bench.record.record import (
    Environment,
    GitState,
    Record,
)
from bench.record.rundir import RunDirectory
from bench.run.plan.types import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What a record says of the `bench run` that filled it."""

    created: str
    finished: str | None
    command: tuple[str, ...]
    suite_toml_sha256: str
    environment: Environment
    git: GitState | None
    wall_seconds: float | None

    @classmethod
    def now(cls, plan: Plan, *, command: tuple[str, ...], suite_toml_sha256: str) -> Heading:
        """Heading of a run that begins."""
        return cls(
            created=timestamp(),
            finished=None,
            command=command,
            suite_toml_sha256=suite_toml_sha256,
            environment=environment(workers=plan.workers, threads=plan.threads),
            git=git_state(),
            wall_seconds=None,
        )

    @classmethod
    def of(cls, record: Record) -> Heading:
        """Heading of an earlier run whose record is kept."""
        return cls(**{name: getattr(record, name) for name in cls.__dataclass_fields__})


def timestamp() -> str:
    """Now, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def earlier(directory: RunDirectory, plan: Plan) -> Heading | None:
    """The heading of the finished run of this very digest, if its record is whole."""
    try:
        record = directory.load()
    except InputError:
        return None
    return Heading.of(record) if record.digest == plan.digest and record.finished is not None else None
