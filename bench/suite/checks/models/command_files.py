"""Whether a recipe that trains by another program has its files, and a budget that can be planned."""

from collections.abc import Iterator
from pathlib import Path

from bench.errors import Problem
from bench.suite.reading.paths import PATHS, beside
from bench.suite.tables.suite import Suite


def command_file_problems(suite: Suite, base: Path) -> Iterator[Problem]:
    """Files that are not there. `base`: the folder of the suite file."""
    for name, recipe in suite.recipe.items():
        for file in () if recipe.command is None else recipe.command.files:
            where = f"recipe.{name}.command.files"
            if not (path := beside(base, file, where)).is_file():
                what = f"there is no file {path}"
                yield Problem(reference="recipe.command", what=what, where=where, hint=f"write it; {PATHS}")


def program_budget_problems(suite: Suite) -> Iterator[Problem]:
    """Budgets in seconds: what they are worth in rows is timed by this program's own trainer, which is as fast as no
    other."""
    for arm in suite.expand():
        recipe = suite.recipe.get(arm.recipe)  # an unknown one is refused for itself
        if recipe is not None and recipe.by_program and suite.trains(arm) and suite.budget_of(arm).unit == "seconds":
            what = f"a budget in seconds cannot be planned for engine = {recipe.engine!r}"
            hint = 'give the recipe a budget = { unit = "tokens", amount = … }, or another unit'
            yield Problem(reference="recipe.budget", what=what, where=f"recipe.{arm.recipe}.engine", hint=hint)


def untrusted_commands(suite: Suite) -> Iterator[Problem]:
    """Recipes of the suite's arms that run a program of the user's own: only the command line can allow them."""
    used = {arm.recipe for arm in suite.expand() if suite.trains(arm)}
    for name in sorted(used):
        command = suite.recipe[name].command
        if command is not None:
            what = f"recipe {name} runs a program: {' '.join(command.run)}"
            hint = "read it; if you trust it: bench run SUITE --trust-training-command"
            yield Problem(reference="recipe.command", what=what, where=f"recipe.{name}.command", hint=hint)
