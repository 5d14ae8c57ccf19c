"""Pins the files of recipes that train by another program."""

from pathlib import Path

from bench.digest import digest_file
from bench.places import INSTALLED, engine_folder
from bench.suite.resolved import ProgramFile
from bench.suite.tables.suite import Suite


def resolve_programs(suite: Suite, *, base: Path) -> dict[str, tuple[ProgramFile, ...]]:
    """By recipe, the files of its command, or the list of what its engine's environment has, hashed. `base`: the folder
    that relative paths start from."""
    programs: dict[str, tuple[ProgramFile, ...]] = {}
    installed = engine_folder("unsloth") / INSTALLED
    for name in {arm.recipe for arm in suite.expand() if not arm.is_given}:
        recipe, paths = suite.recipe[name], dict[str, Path]()
        if recipe.command is not None:
            paths = {file: (base / Path(file).expanduser()).resolve() for file in recipe.command.files}
        if recipe.engine == "unsloth" and installed.is_file():  # else it is refused (bench.run.checks.machine)
            paths = {INSTALLED: installed}
        if recipe.by_program:
            programs[name] = tuple(
                ProgramFile(name=file, path=str(path), sha256=digest_file(path)) for file, path in paths.items()
            )
    return programs
