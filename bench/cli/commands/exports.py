"""`bench export`, `bench import`, `bench verify`: runs for other programs, their results, and published claims."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from bench.cli import complete
from bench.cli.options import JsonOption, ReportsOption, RunArgument
from bench.cli.output import print_json

if TYPE_CHECKING:
    from bench.record.rundir import RunDirectory
    from bench.report.export.tables import TableSources

ExportFormat = Literal[
    "csv", "parquet", "lm-eval", "inspect", "model-index", "wandb", "mlflow", "tensorboard", "pytest-benchmark"
]


def export(
    run: RunArgument,
    to: Annotated[ExportFormat, typer.Option("--to", help="Format.", show_default=False)],
    arm: Annotated[
        str | None, typer.Option("--arm", help="With `model-index`: the arm of the card.", autocompletion=complete.arms)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder to write; default: export/FORMAT in the run. Of times: a file."),
    ] = None,
    reports: ReportsOption = Path("reports"),
) -> None:
    """Write a run for another program: tables, lm-eval's or Inspect's files, a model card, a tracker's runs, times."""
    from bench.atomic import write_errors_as_problems
    from bench.record.rundir import RunDirectory

    directory = RunDirectory.find(run, reports)
    if to == "pytest-benchmark":
        _export_times(directory, out)
        return
    folder = out or directory.path / "export" / to
    with write_errors_as_problems(str(folder)):
        for line in _written(_sources(directory), to, arm, folder):
            typer.echo(line)


def _export_times(directory: RunDirectory, out: Path | None) -> None:
    from bench.atomic import write_errors_as_problems, write_text
    from bench.report.export.pytest_benchmark import pytest_benchmark_json

    content = pytest_benchmark_json(directory.load())
    if out is None:
        print_json(content)
        return
    with write_errors_as_problems(str(out)):
        write_text(out, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    typer.echo(str(out))


def _sources(directory: RunDirectory) -> TableSources:
    from bench.report.analysis.aligned.score_rows import read_rows
    from bench.report.compare import compare_record
    from bench.report.export.tables import TableSources

    record = directory.load()
    rows = read_rows(directory, record)
    comparison = compare_record(record, rows, name=directory.path.name)
    return TableSources(record=record, rows=rows, comparison=comparison)


def _written(sources: TableSources, to: str, arm: str | None, folder: Path) -> list[str]:
    """Write the format, and return what to print: paths, or names of a tracker's runs."""
    from bench.errors import InputError, Problem
    from bench.report.export import trackers
    from bench.report.export.files import write_tables
    from bench.report.export.inspect_log import write_inspect
    from bench.report.export.lm_eval import write_lm_eval
    from bench.report.export.model_card import write_model_card

    if to == "model-index" and arm is None:
        what, hint = "a model card is of one arm", "add --arm ARM; `bench status RUN` shows the arms"
        raise InputError(Problem(reference="export.no-arm", what=what, hint=hint))
    if to in get_args(trackers.Tracker):
        return trackers.track(sources.comparison, to, folder)  # type: ignore[arg-type]  # one of its words
    writers: dict[str, Callable[[], list[Path]]] = {
        "csv": lambda: write_tables(sources, folder, "csv"),
        "parquet": lambda: write_tables(sources, folder, "parquet"),
        "lm-eval": lambda: write_lm_eval(sources.record, sources.rows, folder),
        "inspect": lambda: write_inspect(sources.record, sources.rows, folder),
        "model-index": lambda: [write_model_card(sources, arm or "", folder)],
    }
    return [str(path) for path in writers[to]()]


def verify(
    card: Annotated[Path, typer.Argument(help="A model card (README.md) or its folder.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Compute a card's claims again from the scores beside it; exit 1 where one is not as published."""
    from bench.errors import ExitCode
    from bench.report.as_json import to_json
    from bench.report.export.verify import verify as verify_card

    claims = verify_card(card)
    if as_json:
        print_json(to_json(claims))
    else:
        for claim in claims:
            state = "as published" if claim.holds else f"NOT as published: {', '.join(claim.differs)}"
            typer.echo(f"{claim.says} on {claim.on}: {claim.verdict or 'not in the evidence'} ({state})")
    raise typer.Exit(ExitCode.OK if all(claim.holds for claim in claims) else ExitCode.GATE_FAILED)


def import_(
    first: Annotated[Path, typer.Argument(help="Results to compare with: a folder or file.", show_default=False)],
    others: Annotated[list[Path], typer.Argument(help="Results of other models.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Compare results that lm-eval (with --log_samples) or Inspect wrote, over the same examples by content."""
    from bench.cli.output import console
    from bench.report.as_json import to_json
    from bench.report.imported.compare import compare_imported, compose_imported
    from bench.report.imported.read import read_subject, with_own_names
    from bench.report.render.terminal import print_report

    subjects = with_own_names([(path, read_subject(path)) for path in (first, *others)])
    deltas = compare_imported(subjects)
    if as_json:
        print_json(to_json(deltas))
    else:
        print_report(compose_imported(subjects[0].name, deltas), console(), full=True)
