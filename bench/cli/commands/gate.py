"""`bench gate …`: checks that end in an exit code."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import complete
from bench.cli.options import (
    JsonOption,
    ProfileOption,
    ReportsOption,
    RunArgument,
    SetOption,
    SuiteArgument,
    TrustRemoteCodeOption,
)
from bench.cli.output import console, print_answer, print_json, status
from bench.gate.answer import FailOn
from bench.units import plural

FailOnOption = Annotated[
    FailOn, typer.Option(help="Exit with 1 on a shown loss alone, or also where the answer is inconclusive.")
]
ComparedSuiteArgument = Annotated[
    str | None,
    typer.Argument(
        help="A suite file, or the name of a shipped one.", show_default=False, autocompletion=complete.suites
    ),
]
AgainstOption = Annotated[
    str,
    typer.Option(
        help="The other version: a git ref, a release (sft-bench==0.1.0), or an interpreter that has it installed; "
        "for a command a git ref or a folder.",
        show_default=False,
    ),
]
CommandOption = Annotated[
    str | None,
    typer.Option(
        help="In place of a suite: your own training command, run here and in the other checkout.", show_default=False
    ),
]
gate = typer.Typer(
    help="Checks that answer go, no-go or inconclusive. Exit codes: 0 go or inconclusive, 1 no-go, 2 wrong input, "
    "3 not everything could be compared.",
    no_args_is_help=True,
)


@gate.command()
def exact(
    suite: SuiteArgument,
    *,
    baseline: Annotated[Path, typer.Option("--baseline", help="The committed counts.", show_default=False)],
    update: Annotated[bool, typer.Option("--update", help="Write the counts instead of comparing.")] = False,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    trust_remote_code: TrustRemoteCodeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compare FLOPs, steps, tokens, padding, parameters, tensor bytes with a committed baseline. Nothing is timed."""
    from bench.gate.exact import compare_counts, count_suite, read_baseline, write_baseline
    from bench.gate.show import print_exact
    from bench.places import home
    from bench.suite.load import load_suite

    before = None if update else read_baseline(baseline)
    loaded = load_suite(suite, profile=profile, overrides=tuple(overrides or ()), trust_remote_code=trust_remote_code)
    now = count_suite(loaded, home=home())
    if before is None:
        write_baseline(now, baseline)
        typer.echo(f"{baseline}: counts of {plural(len(now.trainings), 'arm')} written; commit it")
        return
    compared = compare_counts(now, before)
    print_answer(compared, print_exact, as_json=as_json)
    raise typer.Exit(compared.exit_code)


@gate.command()
def speed(
    suite: ComparedSuiteArgument = None,
    *,
    against: AgainstOption,
    command: CommandOption = None,
    threshold: Annotated[float, typer.Option(min=0.0, help="Slow-down that is not accepted, as a share.")] = 0.05,
    arm: Annotated[
        list[str] | None,
        typer.Option(help="Arm to step; may be repeated. Default: the first.", autocompletion=complete.arms),
    ] = None,
    blocks: Annotated[int, typer.Option(min=2, help="Fresh pairs of processes, each with its own seed.")] = 6,
    pairs: Annotated[int, typer.Option(min=2, help="Pairs of steps per pair of processes, at most.")] = 24,
    seconds: Annotated[float, typer.Option(min=1, help="Time to step, shared out over the pairs of processes.")] = 60.0,
    fail_on: FailOnOption = "no-go",
    profile: ProfileOption = None,
    overrides: SetOption = None,
    trust_remote_code: TrustRemoteCodeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Step two versions in turn; no-go where one is slower than accepted or learns something else."""
    from bench.errors import ExitCode
    from bench.gate.show import print_speed
    from bench.gate.speed.speed_gate import SpeedRules, compare_arms, compare_command
    from bench.gate.speed.stepping import Effort
    from bench.gate.speed.versions import other_checkout, other_version, our_version
    from bench.places import home
    from bench.report.as_json import to_json
    from bench.suite.load import load_suite

    rules = SpeedRules(threshold=threshold, fail_on=fail_on, effort=Effort(blocks=blocks, pairs=pairs, seconds=seconds))
    sets = tuple(overrides or ())
    with status() as tell:
        if suite is not None and command is None:
            loaded = load_suite(suite, profile=profile, overrides=sets, trust_remote_code=trust_remote_code)
            theirs = other_version(against, suite=loaded.path, home=home(), tell=tell)
            comparisons = compare_arms(
                loaded, arm or (), ours=our_version(), theirs=theirs, home=home(), rules=rules, tell=tell
            )
        elif command is not None and suite is None:
            name, folder = other_checkout(against, home=home())
            comparisons = (compare_command(command, folder, name, home=home(), rules=rules, tell=tell),)
        else:
            raise typer.BadParameter("give a suite, or your own training as --command", param_hint="suite")
    if as_json:
        print_json(to_json(comparisons))
    else:
        for arm_speed in comparisons:
            print_speed(arm_speed, console())
    raise typer.Exit(max((arm_speed.exit_code for arm_speed in comparisons), default=ExitCode.OK))


@gate.command()
def quality(
    run: RunArgument,
    *,
    against: Annotated[str, typer.Option(help="The stored run: a run folder or a suite's name.", show_default=False)],
    margin: Annotated[
        float | None,
        typer.Option(min=0.0, help="Accepted loss in the eval's units, in place of the margin of the suite's gate."),
    ] = None,
    fail_on: FailOnOption = "no-go",
    reports: ReportsOption = Path("reports"),
    as_json: JsonOption = False,
) -> None:
    """Compare a run's scores and claims with a stored run's, over the same examples, by its suite's gate table."""
    from datetime import UTC, datetime

    from bench.gate.quality import compare_quality
    from bench.gate.show import print_quality
    from bench.record.rundir import RunDirectory

    compared = compare_quality(
        RunDirectory.find(run, reports),
        RunDirectory.find(against, reports),
        today=datetime.now(UTC).date(),
        margin=margin,
        fail_on=fail_on,
    )
    print_answer(compared, print_quality, as_json=as_json)
    raise typer.Exit(compared.exit_code)


@gate.command()
def history(
    paths: Annotated[
        list[Path], typer.Argument(help="Files of pytest-benchmark, or folders of them.", show_default=False)
    ],
    as_json: JsonOption = False,
) -> None:
    """Show the trend of stored times. Advice only: it always exits 0."""
    from bench.gate.show import print_history
    from bench.report.imported.stored_times import read_history

    print_answer(read_history(paths), print_history, as_json=as_json)
