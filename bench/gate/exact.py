"""`bench gate exact`: what a suite's trainings count, against a committed baseline. Any change is named.

Counts do not depend on the machine: FLOPs, steps, tokens, padding, parameters, peak tensor bytes. A change is no
mistake by itself; it is one if nobody meant it. `--update` says that it was meant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from bench.atomic import write_text
from bench.errors import ExitCode, InputError, Problem
from bench.record.environment import versions
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import TrainingFacts
from bench.run.plan.plan import plan
from bench.run.process.server import ChildServer
from bench.run.resolve.suite import resolve
from bench.spec import Spec
from bench.suite.load import LoadedSuite

_COUNTING = ("torch", "transformers", "peft", "tokenizers", "numpy")
"""Libraries that can change a count."""


class Baseline(Spec):
    """A suite's exact counts, as committed."""

    format_version: Literal[1] = 1
    suite: str
    profile: str | None
    versions: dict[str, str]
    """Versions of the libraries that can change a count."""
    trainings: dict[str, TrainingFacts]
    """By arm; of the suite's first seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountChange:
    """One count that is not what the baseline says; `None`: not there on that side."""

    arm: str
    count: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactComparison:
    """What `bench gate exact` found."""

    arms: int
    counts: int
    """Compared in all."""
    changes: tuple[CountChange, ...]
    versions: tuple[str, ...]
    """Libraries that differ from the baseline's, such as `torch 2.12.0 → 2.13.0`."""

    @property
    def exit_code(self) -> ExitCode:
        """1 if any count changed."""
        return ExitCode.GATE_FAILED if self.changes else ExitCode.OK


def count_suite(loaded: LoadedSuite, *, home: Path, server: ChildServer | None = None) -> Baseline:
    """The counts of every arm that trains. Raises `InputError` as `bench run` would, before any work."""
    server = server or ChildServer()
    server.warm()
    try:
        planned = plan(resolve(loaded, home=home, server=server), home=home)
        jobs: dict[str, TrainJob] = {}
        for entry in planned.jobs:
            if isinstance(entry.job, TrainJob):
                jobs.setdefault(entry.job.arm, entry.job)
        log = home / "logs" / "facts.txt"
        facts = {
            arm: TrainingFacts.model_validate(server.call("facts", job, folder=home, log=log))
            for arm, job in jobs.items()
        }
    except BaseException:
        server.kill()
        raise
    return Baseline(suite=loaded.suite.name, profile=loaded.profile, versions=versions(_COUNTING), trainings=facts)


def read_baseline(path: Path) -> Baseline:
    """A committed baseline. Raises `InputError` if it is missing or malformed."""
    try:
        return Baseline.model_validate_json(path.read_bytes())
    except OSError as error:
        what, hint = f"the baseline cannot be read: {error.strerror}", "create it with --update, then commit it"
        raise InputError(Problem(reference="gate.no-baseline", what=what, where=str(path), hint=hint)) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = f"{path}: {'.'.join(str(part) for part in first['loc'])}"
        what, hint = f"not a baseline: {first['msg']}", "create it again with --update"
        raise InputError(Problem(reference="gate.bad-baseline", what=what, where=where, hint=hint)) from error


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Put it in place, whole; its folder is created if need be."""
    write_text(path, baseline.model_dump_json(indent=2) + "\n")


def compare_counts(now: Baseline, before: Baseline) -> ExactComparison:
    """Every count of every arm of either side. Raises `InputError` if the baseline is of another suite or profile."""
    if (now.suite, now.profile) != (before.suite, before.profile):
        what = f"the baseline is of {_title(before)}, not of {_title(now)}"
        hint = "name the baseline of this suite, or create it with --update"
        raise InputError(Problem(reference="gate.other-baseline", what=what, hint=hint))
    changes: list[CountChange] = []
    arms = list(dict.fromkeys([*before.trainings, *now.trainings]))
    for arm in arms:
        changes += _changes(arm, before.trainings.get(arm), now.trainings.get(arm))
    libraries = sorted({*before.versions, *now.versions})
    return ExactComparison(
        arms=len(arms),
        counts=len(arms) * len(TrainingFacts.model_fields),
        changes=tuple(changes),
        versions=tuple(
            f"{name} {before.versions.get(name, 'none')} → {now.versions.get(name, 'none')}"
            for name in libraries
            if before.versions.get(name) != now.versions.get(name)
        ),
    )


def _changes(arm: str, before: TrainingFacts | None, after: TrainingFacts | None) -> list[CountChange]:
    old, new = _values(before), _values(after)
    return [
        CountChange(arm=arm, count=name, before=old.get(name), after=new.get(name))
        for name in TrainingFacts.model_fields
        if old.get(name) != new.get(name)
    ]


def _values(facts: TrainingFacts | None) -> Mapping[str, int | None]:
    return {} if facts is None else facts.model_dump()


def _title(baseline: Baseline) -> str:
    return baseline.suite if baseline.profile is None else f"{baseline.suite} ({baseline.profile})"
