"""`bench gate …` and `bench export`: parse, call, print, exit code; nothing else. `bench.cli` adds them."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

_PIPED_WIDTH = 120

gate = typer.Typer(
    help="Checks that end in an exit code: 0 passed, 1 failed, 2 wrong input, 3 not everything could be compared.",
    no_args_is_help=True,
)

SuiteArgument = Annotated[str, typer.Argument(help="A suite file, or the name of a shipped one.", show_default=False)]
RunArgument = Annotated[
    str, typer.Argument(help="A run folder, a suite's name (its latest run), or `latest`.", show_default=False)
]
ProfileOption = Annotated[str | None, typer.Option("--profile", "-p", help="Profile laid over the suite.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", "-s", metavar="KEY=VALUE", help="Override one key; may be repeated.")
]
ReportsOption = Annotated[Path, typer.Option("--reports", help="Where run folders are written.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@gate.command()
def exact(
    suite: SuiteArgument,
    baseline: Annotated[Path, typer.Option("--baseline", help="The committed counts.", show_default=False)],
    update: Annotated[bool, typer.Option("--update", help="Write the counts instead of comparing.")] = False,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare FLOPs, steps, tokens, padding, parameters, tensor bytes with a committed baseline. Nothing is timed."""
    from bench.gate.exact import compare_counts, count_suite, read_baseline, write_baseline
    from bench.gate.show import exact_json, print_exact
    from bench.places import home
    from bench.suite.load import load_suite

    before = None if update else read_baseline(baseline)
    now = count_suite(load_suite(suite, profile=profile, overrides=tuple(overrides or ())), home=home())
    if before is None:
        write_baseline(now, baseline)
        typer.echo(f"{baseline}: counts of {len(now.trainings)} arms written; commit it")
        return
    found = compare_counts(now, before)
    if as_json:
        _print_json(exact_json(found))
    else:
        print_exact(found, _console())
    raise typer.Exit(found.exit_code)


@gate.command()
def speed(
    suite: SuiteArgument,
    against: Annotated[
        str,
        typer.Option(
            help="The other version: a git ref, a release (sft-bench==0.1.0), or an interpreter that has it installed.",
            show_default=False,
        ),
    ],
    threshold: Annotated[float, typer.Option(min=0.0, help="Slow-down that is not accepted, as a share.")] = 0.05,
    arm: Annotated[list[str] | None, typer.Option(help="Arm to step; may be repeated. Default: the first.")] = None,
    blocks: Annotated[int, typer.Option(min=2, help="Fresh pairs of processes.")] = 6,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs of steps per pair of processes, at most.")] = 24,
    seconds: Annotated[float, typer.Option(min=1, help="Time to step, shared out over the pairs of processes.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Of the order within the pairs.")] = 0,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Step two versions in turn on the same batches; fail where the slow-down's lower bound is above the threshold."""
    from bench.errors import ExitCode
    from bench.gate.show import print_speed, speed_json
    from bench.gate.speed import Effort, compare_arms
    from bench.gate.versions import other_version, our_version
    from bench.places import home
    from bench.suite.load import load_suite

    loaded = load_suite(suite, profile=profile, overrides=tuple(overrides or ()))
    with _status() as tell:
        theirs = other_version(against, suite=loaded.path, home=home(), tell=tell)
        found = compare_arms(
            loaded,
            tuple(arm or ()),
            ours=our_version(),
            theirs=theirs,
            home=home(),
            threshold=threshold,
            effort=Effort(blocks=blocks, pairs=pairs, seconds=seconds),
            seed=seed,
            tell=tell,
        )
    if as_json:
        _print_json([speed_json(one) for one in found])
    else:
        for one in found:
            print_speed(one, _console())
    raise typer.Exit(max((one.exit_code for one in found), default=ExitCode.OK))


@gate.command()
def quality(
    run: RunArgument,
    against: Annotated[str, typer.Option(help="The stored run: a run folder or a suite's name.", show_default=False)],
    margin: Annotated[float, typer.Option(min=0.0, help="Loss that is accepted, in the eval's units.")] = 0.0,
    reports: ReportsOption = Path("reports"),
    as_json: JsonOption = False,
) -> None:
    """Compare a run's scores and claims with a stored run's, over the same examples."""
    from bench.gate.quality import compare_quality
    from bench.gate.show import print_quality, quality_json
    from bench.record.rundir import RunDirectory

    found = compare_quality(RunDirectory.find(run, reports), RunDirectory.find(against, reports), margin=margin)
    if as_json:
        _print_json(quality_json(found))
    else:
        print_quality(found, _console())
    raise typer.Exit(found.exit_code)


@gate.command()
def history(
    paths: Annotated[
        list[Path], typer.Argument(help="Files of pytest-benchmark, or folders of them.", show_default=False)
    ],
    as_json: JsonOption = False,
) -> None:
    """Show the trend of stored times. Advice only: it always exits 0."""
    from bench.gate.history import read_history
    from bench.gate.show import history_json, print_history

    trends = read_history(paths)
    if as_json:
        _print_json(history_json(trends))
    else:
        print_history(trends, _console())


def export(
    run: RunArgument,
    pytest_benchmark: Annotated[
        bool, typer.Option("--pytest-benchmark", help="Times as a file for `pytest-benchmark compare`.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write; default: standard output.")] = None,
    reports: ReportsOption = Path("reports"),
) -> None:
    """Write a run in another program's format."""
    from bench.errors import InputError, Problem
    from bench.gate.history import pytest_benchmark_json
    from bench.record.atomic import write_text
    from bench.record.rundir import RunDirectory

    if not pytest_benchmark:
        what, hint = "no format was named", "bench export RUN --pytest-benchmark"
        raise InputError(Problem(reference="export.no-format", what=what, hint=hint))
    content = pytest_benchmark_json(RunDirectory.find(run, reports).load())
    if out is None:
        _print_json(content)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    typer.echo(str(out))


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH
    return Console(stderr=stderr, highlight=False, width=width)


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextlib.contextmanager
def _status() -> Iterator[Callable[[str], None]]:
    """A line on stderr that says what is being done; nothing where stderr is no terminal."""
    with _console(stderr=True).status("starting") as status:
        yield status.update
