"""`bench init`: asks for what its flags do not say, and writes a first suite."""

import sys
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import complete
from bench.cli.output import status


class GoalName(StrEnum):
    """What the suite is to find out."""

    TUNE = "tune"
    DATA = "data"
    METHOD = "method"


_GOAL = "tune: do these rows beat the base? data: which file trains better? method: LoRA or full fine-tuning?"


ModelOption = Annotated[
    str | None, typer.Option("--model", "-m", help="A card, a folder or a hub id.", autocompletion=complete.cards)
]
DataOption = Annotated[
    list[str] | None, typer.Option("--data", "-d", help="A file of rows, or a hub id; may be repeated.")
]
ColumnsOption = Annotated[
    list[str] | None,
    typer.Option(help="What the columns of a file are: prompt=COLUMN,completion=COLUMN. Once, or once per --data."),
]
TemplateOption = Annotated[
    str | None, typer.Option("--template", help="A prompt template, where the model's own does not do.")
]
ContextLengthOption = Annotated[
    int | None, typer.Option("--context-length", min=1, help="Tokens the model may see, where it does not say.")
]
AdapterOption = Annotated[
    list[str] | None, typer.Option("--adapter", help="An adapter trained elsewhere, to compare; may be repeated.")
]
WeightsOption = Annotated[
    list[str] | None, typer.Option("--weights", help="A whole model trained elsewhere; may be repeated.")
]
EndpointOption = Annotated[
    list[str] | None, typer.Option("--endpoint", help="A served model, MODEL@BASE_URL, to compare; may be repeated.")
]
KeyOption = Annotated[str | None, typer.Option(help="The environment variable that holds the key of the endpoints.")]
GoalOption = Annotated[GoalName | None, typer.Option("--goal", help=_GOAL)]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="Suite file to write.")]


def init(
    *,
    model: ModelOption = None,
    data: DataOption = None,
    columns: ColumnsOption = None,
    template: TemplateOption = None,
    context_length: ContextLengthOption = None,
    adapter: AdapterOption = None,
    weights: WeightsOption = None,
    endpoint: EndpointOption = None,
    key_env: KeyOption = None,
    goal: GoalOption = None,
    out: OutOption = Path("suite.toml"),
) -> None:
    """Write a first suite for your model and data: lengths, template, evals, a size control, a margin to fill in.

    With --adapter, --weights or --endpoint: a suite that trains nothing and compares what was trained elsewhere.
    """
    from bench.atomic import write_errors_as_problems
    from bench.draft.given_arms import draft_given
    from bench.draft.named_inputs import model_table
    from bench.draft.write import draft_suite
    from bench.places import home

    drafting: Callable[..., Path]
    notes: list[str] = []
    if adapter or weights or endpoint:
        drafting = partial(
            draft_given,
            adapter or [],
            weights or [],
            endpoints=endpoint or [],
            key_env=key_env,
            model=model,
            data=data or [],
        )
        next_step = "read it" if data else "its questions come from the hub, --data FILE asks your own: read it"
    else:
        model = model or _ask("--model", "Model (card, folder or hub id)")
        model_table(model, out.parent)  # said before more is asked for
        files = data or _ask("--data", "Data files or hub ids, apart by spaces").split()
        wanted = goal or GoalName(_ask("--goal", f"Goal ({_GOAL})", default="tune"))
        drafting = partial(draft_suite, model, files, wanted.value, columns=columns or [], note=notes.append)
        next_step = "read it and set the margin"
    with status() as tell, write_errors_as_problems(str(out)):
        written = drafting(template=template, context_length=context_length, out=out, home=home(), tell=tell)
    for note in notes:
        typer.echo(f"note: {note}")
    typer.echo(f"{written}: {next_step}, then `bench plan {written}` and `bench run {written}`")


def _ask(flag: str, question: str, *, default: str | None = None) -> str:
    """The user's answer. Raises `InputError` where nobody can be asked."""
    from bench.errors import InputError, Problem

    if sys.stdin.isatty():
        answer: str = typer.prompt(question, default=default, err=True)
        return answer
    if default is not None:
        return default
    what = f"{flag} is missing, and there is no terminal to ask in"
    raise InputError(Problem(reference="init.missing", what=what, where=flag, hint="bench init --help"))
