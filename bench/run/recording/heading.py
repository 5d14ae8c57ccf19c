"""When and how a run began: by `bench run` now, or by the one whose record is kept."""

from datetime import UTC, datetime

from bench.errors import InputError
from bench.record.environment import environment, git_state
from bench.record.record import Heading
from bench.record.rundir import RunDirectory
from bench.run.plan.types import Plan


def heading_now(plan: Plan, *, command: tuple[str, ...], suite_toml_sha256: str) -> Heading:
    """Heading of a run that begins."""
    return Heading(
        created=timestamp(),
        finished=None,
        command=command,
        suite_toml_sha256=suite_toml_sha256,
        environment=environment(workers=plan.workers, threads=plan.threads),
        git=git_state(),
        wall_seconds=None,
    )


def timestamp() -> str:
    """Now, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def earlier(directory: RunDirectory, plan: Plan) -> Heading | None:
    """The heading of the finished run of this very digest, if its record is whole."""
    try:
        record = directory.load()
    except InputError:
        return None
    if record.digest != plan.digest or record.finished is None:
        return None
    return Heading(**{name: getattr(record, name) for name in Heading.model_fields})
