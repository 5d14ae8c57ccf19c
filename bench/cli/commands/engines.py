"""`bench engines`: other programs that generate answers in place of this one."""

from enum import StrEnum
from typing import Annotated

import typer

from bench.cli.options import ProfileOption, SuiteArgument

engines = typer.Typer(help="Other programs that generate answers in place of this one.", no_args_is_help=True)


class EngineName(StrEnum):
    """What can be added."""

    VLLM = "vllm"


@engines.command("add")
def add(
    name: Annotated[EngineName, typer.Argument(help="vllm: about 3.5 GB, in an environment of its own.")],
) -> None:
    """Make an engine's own environment, under BENCH_HOME/engines: its libraries are not those of this program."""
    del name  # the only one
    from bench.run.commands.engines import add_vllm

    typer.echo(add_vllm())


@engines.command("serve")
def serve(
    suite: SuiteArgument,
    profile: ProfileOption = None,
    port: Annotated[int, typer.Option(help="Port on this machine.", min=1, max=65535)] = 8000,
) -> None:
    """Serve the suite's base by vLLM on this machine until interrupted; prints the `engine` table that uses it."""
    from bench.run.commands.engines import serve as serve_base
    from bench.suite.load import load_suite

    serve_base(load_suite(suite, profile=profile), port=port)
