"""Programs of the user's own that recipes run: only the command line can allow them."""

from bench.errors import InputError
from bench.suite.checks.models.command_files import untrusted_commands
from bench.suite.load import LoadedSuite


def check_trusted(loaded: LoadedSuite) -> None:
    """Raises `InputError` for recipes that run a program, unless the command line trusts them."""
    problems = [] if loaded.trust_commands else list(untrusted_commands(loaded.suite))
    if problems:
        raise InputError(problems)
