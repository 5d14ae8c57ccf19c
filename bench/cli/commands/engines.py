"""`bench engines`: other programs that generate answers, or train, in place of this one."""

from enum import StrEnum
from typing import Annotated

import typer

from bench.cli.options import ProfileOption, SuiteArgument

engines = typer.Typer(help="Other programs that generate answers or train in place of this one.", no_args_is_help=True)


class EngineName(StrEnum):
    """What can be added."""

    VLLM = "vllm"
    UNSLOTH = "unsloth"


@engines.command("add")
def add(
    name: Annotated[EngineName, typer.Argument(help="vllm generates answers (about 3.5 GB), unsloth trains.")],
) -> None:
    """Make an engine's own environment, under BENCH_HOME/engines: its libraries are not those of this program."""
    from bench.run.commands.engines import add_unsloth, add_vllm

    typer.echo(add_vllm() if name is EngineName.VLLM else add_unsloth())


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
