"""Where a training's problems are in the suite: at the recipe that it has, or at its arm."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

from bench.errors import InputError, Problem
from bench.record.jobs.train_job import TrainJob
from bench.suite.tables.arms.arms import recipe_name


@contextmanager
def problems_at(job: TrainJob) -> Iterator[None]:
    """Problems name the job's recipe where they say `recipe.*`, and its arm where they name no place."""
    recipe = recipe_name(job.arm)
    try:
        yield
    except InputError as error:
        problems = [_at_recipe(problem, recipe) for problem in error.problems]
        raise InputError(
            dataclasses.replace(problem, where=problem.where or f"arm {job.arm}") for problem in problems
        ) from error


def _at_recipe(problem: Problem, recipe: str) -> Problem:
    """The problem with the recipe's name in its place, where it says `recipe.*`."""
    if problem.where is None or not problem.where.startswith("recipe.*"):
        return problem
    return dataclasses.replace(problem, where=problem.where.replace("recipe.*", f"recipe.{recipe}", 1))
