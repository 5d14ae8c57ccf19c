"""Before any work of a run: can this machine and these models do what the recipes ask for?

What needs no heavy library is looked at here (`machine_problems`); the rest (adapters' fields and modules, templates,
lengths, packing, every row through its template) by a child for all recipes and one for all rows; rows of large tables
are first looked at in parts, by several children, which leave it to that one to say what is wrong. What was found good
is remembered by digest and by the checks' own code.
"""

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bench.code_digest import own_code
from bench.digest import SharedTexts
from bench.errors import InputError, Problem, collected
from bench.record.environment import cores
from bench.record.jobs.train_job import SweepJob, TrainJob
from bench.run.checks.machine import machine_problems
from bench.run.plan.refused import without
from bench.run.plan.types import Plan
from bench.run.process.payloads import CheckReply, CheckRequest, SoundReply, SoundRequest
from bench.run.process.server import ChildServer
from bench.run.process.side_by_side import raise_failures, side_by_side
from bench.suite.resolved import ResolvedModel
from bench.suite.tables.arms.arms import recipe_name
from bench.suite.tables.training.recipe import Recipe

LARGE = 20_000
"""Rows that take about a second to render."""
_MOST_PARTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What is to be asked before the trainings of a plan."""

    planned: Plan
    jobs: Sequence[TrainJob]
    """The trainings to do."""
    problems: tuple[Problem, ...]
    """What this machine cannot do."""
    recipes: Mapping[Path, TrainJob]
    """A job of each recipe that is to be checked, by its mark."""
    rows: Mapping[Path, TrainJob]
    """A job of each way to render a table's rows that is to be checked, by its mark."""
    home: Path

    @classmethod
    def of(cls, planned: Plan, *, home: Path) -> Self:
        """What was not found good before."""
        jobs = list(_trainings(planned))
        problems = machine_problems(planned.resolved.suite) if jobs else []
        places = {f"{problem.where}." for problem in problems}
        able = [job for job in jobs if not any(place.startswith(f"recipe.{recipe_name(job.arm)}.") for place in places)]
        recipes = {_mark(home, job.digest): job for job in _one_of_each(able, _recipe_key)}
        rows = {_mark(home, f"{job.digest}-{job.data.odd_rows}-rows"): job for job in _one_of_each(jobs, _rows_key)}
        return cls(
            planned=planned,
            jobs=jobs,
            problems=tuple(problems),
            recipes={memo: job for memo, job in recipes.items() if not memo.exists()},
            rows={memo: job for memo, job in rows.items() if not memo.exists()},
            home=home,
        )

    def begin(self, server: ChildServer) -> None:
        """Have checked meanwhile what `finish` will ask for where nothing is wrong with the rows of large tables."""
        for part in self._parts():
            server.begin("sound", part, folder=self.home, log=self._log)
        for request in self._requests(sound=self._large):
            server.begin("check", request, folder=self.home, log=self._log)

    def finish(self, server: ChildServer) -> Plan:
        """The plan without the trainings that their model cannot do: these are refused, and no other. Raises
        `InputError` with everything else that the trainings to do ask for and cannot have, or where nothing is left to
        train.
        """
        problems, planned = list(self.problems), self.planned
        with collected(problems):
            planned = self._without_refused(server)
        if problems:
            raise InputError(dict.fromkeys(problems))
        return planned

    def _without_refused(self, server: ChildServer) -> Plan:
        """The plan without the trainings that a child refuses alone. Raises `InputError` for all else that it finds."""
        requests = self._requests(sound=self._sound(server))
        children = side_by_side(server, "check", requests, folder=self.home, log=self._log)
        raise_failures("check", children, self._log)
        replies = [CheckReply.model_validate(child.value or {}) for child in children]
        refused = {found.digest: found.problem for reply in replies for found in reply.refused}
        for memo in (*self.recipes, *self.rows):
            if memo not in self.recipes or self.recipes[memo].digest not in refused:
                memo.parent.mkdir(parents=True, exist_ok=True)
                memo.touch()
        if not refused:
            return self.planned
        key, texts = _recipe_key, SharedTexts()
        by_key = {key(job, texts): refused[job.digest] for job in self.recipes.values() if job.digest in refused}
        return without(self.planned, {job.digest: by_key[of] for job in self.jobs if (of := key(job, texts)) in by_key})

    @property
    def _large(self) -> Sequence[Path]:
        """Marks of the tables whose rows take as long as all else, and are shared out."""
        return [memo for memo, job in self.rows.items() if job.data.rows >= LARGE] if cores() > 1 else []

    def _parts(self) -> list[SoundRequest]:
        large, parts = tuple(self.rows[memo] for memo in self._large), min(cores(), _MOST_PARTS)
        return [SoundRequest(rows=large, part=part, parts=parts) for part in range(parts)] if large else []

    def _sound(self, server: ChildServer) -> list[Path]:
        """Marks of the large tables of which all parts are sound."""
        children = side_by_side(server, "sound", self._parts(), folder=self.home, log=self._log)
        raise_failures("sound", children, self._log)
        replies = [SoundReply.model_validate(child.value).sound for child in children]
        return [memo for memo, *parts in zip(self._large, *replies, strict=True) if all(parts)]

    def _requests(self, *, sound: Collection[Path]) -> list[CheckRequest]:
        """A child for the recipes, and one for the rows of tables that are not `sound`."""
        rows = tuple(job for memo, job in self.rows.items() if memo not in sound)
        parts = (tuple(self.recipes.values()), ()), ((), rows)
        return [CheckRequest(jobs=jobs, rows=rows) for jobs, rows in parts if jobs or rows]

    @property
    def _log(self) -> Path:
        return self.home / "logs" / "check.txt"


def _trainings(planned: Plan) -> Iterator[TrainJob]:
    """The trainings to do, those of sweeps included."""
    for planned_job in planned.can_run:
        job = planned_job.job.training if isinstance(planned_job.job, SweepJob) else planned_job.job
        if isinstance(job, TrainJob):
            yield job


def _one_of_each(jobs: Sequence[TrainJob], key: Callable[[TrainJob, SharedTexts], Hashable]) -> list[TrainJob]:
    """The first job of each key."""
    texts = SharedTexts()
    return list({key(job, texts): job for job in reversed(jobs)}.values())[::-1]


def _mark(home: Path, checked: str) -> Path:
    return home / "checked" / own_code(home).key(checked, "bench.train.planning.check")


def _recipe_key(job: TrainJob, texts: SharedTexts) -> Hashable:
    """What decides whether a recipe can be done: many rates are one check."""
    return texts.of(job.model, _identity), texts.of(job.recipe, _without_rate)


def _rows_key(job: TrainJob, texts: SharedTexts) -> Hashable:
    """What decides how a row becomes text, and which turns of it are found again."""
    return texts.of(job.model, _identity), job.data.sha256, job.data.odd_rows, job.recipe.loss_on


def _identity(model: ResolvedModel) -> dict[str, Any]:
    return model.identity


def _without_rate(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", exclude={"budget", "learning_rate"})
