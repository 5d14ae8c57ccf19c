"""`bench run`: a suite from its training to its report."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.commands.suites import loader
from bench.cli.options import (
    FullOption,
    OnlyOption,
    ProfileOption,
    ReportsOption,
    SetOption,
    SuiteArgument,
    TrustRemoteCodeOption,
    TrustTaskCodeOption,
    TrustTrainingCommandOption,
)
from bench.cli.output import console
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
    load = loader(
        suite,
        profile,
        overrides,
        only=only or (),
        trust_remote_code=trust_remote_code,
        trust_commands=trust_training_command,
        refuse_task_code=not (trust_task_code or go_on),
    )
    run_once = partial(
        _run_once,
        only=tuple(only or ()),
        fresh=fresh,
        trust_task_code=trust_task_code,
        go_on=go_on,
        reports=reports,
        executor=executor,
        quiet=quiet,
    )
    from bench.processes import shared_out
    from bench.record.environment import cores

    with shared_out(cores()):
        if until_decided or within is not None or max_seeds is not None:
            raise typer.Exit(_run_until_decided(load, run_once, within, max_seeds, asked=until_decided, full=full))
        raise typer.Exit(_report(run_once(load(())), full=full))


def _run_once(
    loaded: LoadedSuite,
    *,
    only: tuple[str, ...],
    fresh: bool,
    trust_task_code: bool,
    go_on: bool,
    reports: Path,
    executor: str | None,
    quiet: bool,
) -> RunDirectory:
    """One run of the suite, shown while it goes on. executor: by name or file, else that of the suite."""
    from bench.places import home
    from bench.run.hints import warm_unless_done

    warm_unless_done("finished", loaded, only, home())
    from bench.run.display import make_display
    from bench.run.executors.choose import choose_executor
    from bench.run.run import run_suite

    options = loaded.suite.run
    chosen = choose_executor(executor or options.executor, limits=options.limits)
    with make_display(console(stderr=True), quiet=quiet) as display:
        return run_suite(
            loaded,
            only=only,
            fresh=fresh,
            trust_task_code=trust_task_code,
            go_on=go_on,
            home=home(),
            reports=reports,
            display=display,
            executor=chosen,
            meanwhile=_prepare_report,
        )


def _prepare_report() -> None:
    """Import and compile what a report needs, before it is asked for."""
    import bench.report.compare
    import bench.report.write  # noqa: F401  # the import is what is wanted
    from bench.report.render.html import page

    page()


def _report(finished: RunDirectory, *, full: bool) -> int:
    """Print the report of a run, computed only where something has changed since it was written. The exit code."""
    from bench.report.cached_report import cached_report, print_view

    cached = cached_report(finished.path, full=full)
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
