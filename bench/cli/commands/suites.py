"""`bench validate`, `bench plan`: what a suite asks for, before anything is trained."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import (
    JsonOption,
    OnlyOption,
    ProfileOption,
    ReportsOption,
    SetOption,
    SuiteArgument,
    TrustRemoteCodeOption,
    TrustTaskCodeOption,
)
from bench.cli.output import console, print_answer, print_json, status

if TYPE_CHECKING:
    from bench.suite.load import LoadedSuite, LoadWith


def loader(
    suite: str,
    profile: str | None,
    overrides: list[str] | None,
    *,
    only: Sequence[str],
    trust_remote_code: bool,
    trust_commands: bool = False,
    refuse_task_code: bool,
    here: bool = True,
) -> LoadWith:
    """The suite as the command line names it, with further overrides.

    Where it has faults, or lacks arms of `only`, they come with all else that can be seen without a library: rows of
    local files, what this machine lacks (`here`: the trainings are its own), code in task files (`refuse_task_code`;
    without faults the rehearsal refuses it, which asks only evals that are still to do).
    """
    from bench.errors import InputError
    from bench.suite.arm_patterns import unknown_arms
    from bench.suite.load import load_suite

    def load(further: Sequence[str]) -> LoadedSuite:
        read = functools.partial(
            load_suite,
            suite,
            profile=profile,
            overrides=(*(overrides or ()), *further),
            trust_remote_code=trust_remote_code,
            trust_commands=trust_commands,
        )
        try:
            return read(also=lambda suite: unknown_arms(suite.arm_names, only))
        except InputError:
            from bench.run.checks.local_rows import LocalRows  # what reads rows is imported where they are read
            from bench.run.checks.machine import here_problems

            return read(
                refuse_task_code=refuse_task_code,
                also=lambda suite: [*unknown_arms(suite.arm_names, only), *(here_problems(suite) if here else ())],
                rows=LocalRows().problems,
            )

    return load


def validate(
    suite: SuiteArgument,
    *,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    trust_task_code: TrustTaskCodeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check a suite and everything it names, and with --profile that this machine can run it; else all its profiles.

    Finds what needs no library to see, rows of local files (up to 32 MiB) among it. bench plan checks the rest before
    any work: rows of the hub, and all rows as tokenizer and template make them.
    """
    from bench.run.checks.local_rows import LocalRows
    from bench.run.checks.machine import here_problems
    from bench.run.checks.warnings import advice, as_line
    from bench.suite.load import load_suite, validate_all_profiles
    from bench.suite.summary import summarise

    rows = LocalRows()
    if profile is None and not overrides:
        checked = validate_all_profiles(suite, refuse_task_code=not trust_task_code, rows=rows.problems)
    else:
        said = tuple(overrides or ())
        loaded = load_suite(
            suite,
            profile=profile,
            overrides=said,
            refuse_task_code=not trust_task_code,
            also=here_problems,
            rows=rows.problems,
        )
        checked = {loaded.profile or "": loaded}
    summaries = [summarise(loaded) for loaded in checked.values()]
    if as_json:
        warned = [[as_line(warning) for warning in advice(loaded)] for loaded in checked.values()]
        print_json([{**summary, "warnings": warnings} for summary, warnings in zip(summaries, warned, strict=True)])
        return
    for loaded, summary in zip(checked.values(), summaries, strict=True):
        typer.echo(f"{summary['suite']} ({summary['profile'] or 'no profile'}): valid: {summary['says']}")
        for problem in here_problems(loaded.suite):
            typer.echo(f"  not on this machine: {problem.where}: {problem.what}")
        for warning in advice(loaded):
            typer.echo(f"  {as_line(warning)}")


def plan(
    suite: SuiteArgument,
    *,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    only: OnlyOption = None,
    quick: Annotated[bool, typer.Option("--quick", help="Time nothing: what never ran here has a rough time.")] = False,
    resolve: Annotated[
        bool,
        typer.Option("--resolve", help="Ask the base twice, train one arm once, and say what the evals can show."),
    ] = False,
    pilot: Annotated[
        str | None, typer.Option("--pilot", metavar="ARM", help="With --resolve: the arm; default: a claim's first.")
    ] = None,
    reports: ReportsOption = Path("reports"),
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="CLUSTER", help='Place the trainings on "8xH100", "2x4090@0.40" or a TOML file.'),
    ] = None,
    trust_task_code: TrustTaskCodeOption = False,
    trust_remote_code: TrustRemoteCodeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what a run would do, what is cached, why jobs are new, and what time, memory and disk it would take."""
    from bench.places import home
    from bench.run.hints import warm_unless_done

    loaded = loader(
        suite, profile, overrides, only=only or (), trust_remote_code=trust_remote_code,
        refuse_task_code=not trust_task_code, here=on is None,
    )(())  # fmt: skip
    if resolve:
        _resolve_instrument(loaded, pilot, quick=quick, trust_task_code=trust_task_code, as_json=as_json)
        return
    warm_unless_done("planned", loaded, tuple(only or ()), home())
    from bench.run.estimate.forecast import forecast
    from bench.show.forecast import print_forecast
    from bench.suite.catalog.devices import read_cluster

    cluster = None if on is None else read_cluster(on)
    with status() as tell:
        expected = forecast(
            loaded, only=tuple(only or ()), home=home(), reports=reports, probe=not quick, tell=tell,
            trust_task_code=trust_task_code, on=cluster,
        )  # fmt: skip
    print_answer(expected, print_forecast, as_json=as_json)


def _resolve_instrument(
    loaded: LoadedSuite,
    pilot: str | None,
    *,
    quick: bool,
    trust_task_code: bool,
    as_json: bool,
) -> None:
    """Say what the pilot costs, run it with the base twice, and print what the evals can show."""
    from bench.design.instrument_view import print_instrument
    from bench.design.resolve import pilot_of, pilot_suite, resolve_instrument
    from bench.places import home
    from bench.report.as_json import to_json
    from bench.run.display import make_display
    from bench.run.estimate.forecast import forecast
    from bench.show.forecast import print_pilot

    arm = pilot_of(loaded, pilot)
    with status() as tell:
        expected = forecast(
            pilot_suite(loaded), only=(arm,), home=home(), probe=not quick, tell=tell, trust_task_code=trust_task_code
        )
    print_pilot(expected, arm, console(stderr=True))
    with make_display(console(stderr=True)) as display:
        instrument = resolve_instrument(
            loaded, pilot=arm, home=home(), display=display, trust_task_code=trust_task_code
        )
    if as_json:
        print_json(to_json(instrument))
    else:
        print_instrument(instrument, console(), suite=loaded.suite.name, question=loaded.suite.question)
