"""Pins the files of recipes that train by a command of the user's own."""

from pathlib import Path

from bench.digest import digest_file
from bench.suite.resolved import ProgramFile
from bench.suite.tables.suite import Suite


def resolve_programs(suite: Suite, *, base: Path) -> dict[str, tuple[ProgramFile, ...]]:
    """By recipe, the files of its command, hashed. `base`: the folder that relative paths start from."""
    programs: dict[str, tuple[ProgramFile, ...]] = {}
    for name in {arm.recipe for arm in suite.expand() if not arm.is_given}:
        command = suite.recipe[name].command
        if command is not None:
            paths = {file: (base / Path(file).expanduser()).resolve() for file in command.files}
            programs[name] = tuple(
                ProgramFile(name=file, path=str(path), sha256=digest_file(path)) for file, path in paths.items()
            )
    return programs
