"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import complete

SuiteArgument = Annotated[
    str,
    typer.Argument(
        help="A suite file, or the name of a shipped one.", show_default=False, autocompletion=complete.suites
    ),
]
RunArgument = Annotated[
    str,
    typer.Argument(
        help="A run folder, a suite's name (its latest run), or `latest`.",
        show_default=False,
        autocompletion=complete.runs,
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        "-p",
        help="Profile of the suite; default: the suite's own.",
        autocompletion=complete.profiles,
    ),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", "-s", metavar="KEY=VALUE", help="Override one key; may be repeated.")
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="ARM",
        help="Only this arm, or arms such as 'lima_1k/*'; may be repeated.",
        autocompletion=complete.arms,
    ),
]
TrustRemoteCodeOption = Annotated[
    bool, typer.Option("--trust-remote-code", help="Let a model or tokenizer run Python code that it brings.")
]
TrustTaskCodeOption = Annotated[
    bool,
    typer.Option("--trust-task-code", help="Let task files, hub metrics and code evals run code."),
]
TrustTrainingCommandOption = Annotated[
    bool, typer.Option("--trust-training-command", help="Let recipes run the programs that they name.")
]
ReportsOption = Annotated[Path, typer.Option("--reports", help="Where run folders are written.")]
FullOption = Annotated[bool, typer.Option("--full", help="Print all of the report, not its first screen.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
