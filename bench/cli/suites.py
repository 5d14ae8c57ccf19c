"""`bench run`, `bench validate`, `bench plan`: what is done with a suite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import (
    FullOption,
    JsonOption,
    OnlyOption,
    ProfileOption,
    ReportsOption,
    SetOption,
    SuiteArgument,
    TrustRemoteCodeOption,
    TrustTaskCodeOption,
    TrustTrainingCommandOption,
)
from bench.cli.output import console, print_json, status
from bench.run.process.allocation import Allocation, enter_allocation

if TYPE_CHECKING:
    from bench.design.until_decided import RunOnce
    from bench.record.rundir import RunDirectory
    from bench.suite.load import LoadedSuite, LoadWith


FreshOption = Annotated[bool, typer.Option("--fresh", help="Reuse no earlier result.")]
GoOnOption = Annotated[
    bool, typer.Option("--go-on", help="Train although an eval failed its rehearsal or tells nothing on the base.")
]
UntilDecidedOption = Annotated[
    bool,
    typer.Option(
        "--until-decided", help="Train seeds and ask examples until every claim is decided, or not worth more."
    ),
]
WithinOption = Annotated[
    str | None, typer.Option("--within", metavar="TIME", help="With --until-decided: such as 2h or 30m.")
]
MaxSeedsOption = Annotated[
    int | None, typer.Option("--max-seeds", min=2, help="With --until-decided: of each arm; default: as planned.")
]
ExecutorOption = Annotated[
    str | None,
    typer.Option("--executor", metavar="NAME|FILE", help="local, ray, slurm, or a TOML file: docs/scaling.md."),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No live progress; still prints the report.")]


def run(
    suite: SuiteArgument,
    *,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    only: OnlyOption = None,
    fresh: FreshOption = False,
    trust_task_code: TrustTaskCodeOption = False,
    go_on: GoOnOption = False,
    trust_remote_code: TrustRemoteCodeOption = False,
    trust_training_command: TrustTrainingCommandOption = False,
    reports: ReportsOption = Path("reports"),
    until_decided: UntilDecidedOption = False,
    within: WithinOption = None,
    max_seeds: MaxSeedsOption = None,
    executor: ExecutorOption = None,
    quiet: QuietOption = False,
    full: FullOption = False,
) -> None:
    """Train, evaluate, compare, report. Resumes where an earlier run of the same suite stopped."""
    place = enter_allocation()
    if place.role != "head":
        raise typer.Exit(_take_part(place))
    from bench.places import home
    from bench.run.display import make_display
    from bench.run.executors.choose import choose_executor
    from bench.run.run import run_suite

    load = _loader(
        suite, profile, overrides, trust_remote_code=trust_remote_code, trust_commands=trust_training_command
    )

    def run_once(loaded: LoadedSuite) -> RunDirectory:
        options = loaded.suite.run
        chosen = choose_executor(executor or options.executor, limits=options.limits)
        with make_display(console(stderr=True), quiet=quiet) as display:
            return run_suite(
                loaded,
                only=tuple(only or ()),
                fresh=fresh,
                trust_task_code=trust_task_code,
                go_on=go_on,
                home=home(),
                reports=reports,
                display=display,
                executor=chosen,
            )

    if until_decided or within is not None or max_seeds is not None:
        raise typer.Exit(_run_until_decided(load, run_once, within, max_seeds, asked=until_decided, full=full))
    raise typer.Exit(_report(run_once(load(())), full=full))


def _loader(
    suite: str,
    profile: str | None,
    overrides: list[str] | None,
    *,
    trust_remote_code: bool,
    trust_commands: bool = False,
) -> LoadWith:
    """The suite as the command line names it, with further overrides."""
    from bench.suite.load import load_suite

    def load(further: Sequence[str]) -> LoadedSuite:
        said = (*(overrides or ()), *further)
        return load_suite(
            suite,
            profile=profile,
            overrides=said,
            trust_remote_code=trust_remote_code,
            trust_commands=trust_commands,
        )

    return load


def _report(finished: RunDirectory, *, full: bool) -> int:
    """Print the report of a run, computed only where something has changed since it was written. The exit code."""
    from bench.report.cached_report import cached_report, print_view

    cached = cached_report(finished.path)
    if cached is not None:
        print_view(cached.view, finished.path, console(), full=full)
        return cached.exit_code
    from bench.report.compare import compare
    from bench.report.write import write_comparison

    comparison = compare(finished)
    write_comparison(comparison, finished.path, console=console(), full=full)
    return comparison.completeness.exit_code


def _run_until_decided(
    load: LoadWith, run_once: RunOnce, within: str | None, max_seeds: int | None, *, asked: bool, full: bool
) -> int:
    """Run and look until the claims are decided, and print the report of the last round. The exit code."""
    from bench.design.until_decided import Stop, duration, refuse_alone, run_until_decided
    from bench.report.write import write_comparison

    if not asked:
        refuse_alone(within, max_seeds)
    stop = Stop(seconds=None if within is None else duration(within), seeds=max_seeds)
    finished, comparison = run_until_decided(load, run_once, stop=stop, note=typer.echo)
    write_comparison(comparison, finished.path, console=console(), full=full)
    return comparison.completeness.exit_code


def _take_part(place: Allocation) -> int:
    """What another process than the head does in an allocation. The exit code."""
    from bench.places import home
    from bench.run.commands.nodes import take_part
    from bench.run.process.server import ChildServer

    def note(line: str) -> None:
        typer.echo(line, err=True)

    if place.role == "node":
        take_part(place, home=home(), server=ChildServer(), note=note)
    else:
        note(
            f"process {place.local + 1} of node {place.node + 1} has nothing to do: a training starts its own processes"
        )
    return 0


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
    from bench.run.estimate.forecast import forecast
    from bench.show.forecast import print_forecast
    from bench.suite.catalog.devices import read_cluster

    load = _loader(suite, profile, overrides, trust_remote_code=trust_remote_code)
    if resolve:
        _resolve_instrument(load, pilot, quick=quick, trust_task_code=trust_task_code, as_json=as_json)
        return
    cluster = None if on is None else read_cluster(on)
    loaded = load(())
    with status() as tell:
        expected = forecast(
            loaded,
            only=tuple(only or ()),
            home=home(),
            reports=reports,
            probe=not quick,
            tell=tell,
            trust_task_code=trust_task_code,
            on=cluster,
        )
    if as_json:
        print_json(expected.model_dump(mode="json"))
    else:
        print_forecast(expected, console())


def _resolve_instrument(
    load: LoadWith,
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

    loaded = load(())
    arm = pilot_of(loaded, pilot)
    with status() as tell:
        expected = forecast(
            pilot_suite(load), only=(arm,), home=home(), probe=not quick, tell=tell, trust_task_code=trust_task_code
        )
    print_pilot(expected, arm, console(stderr=True))
    with make_display(console(stderr=True)) as display:
        instrument = resolve_instrument(load, pilot=arm, home=home(), display=display, trust_task_code=trust_task_code)
    if as_json:
        print_json(to_json(instrument))
    else:
        print_instrument(instrument, console(), suite=loaded.suite.name, question=loaded.suite.question)
