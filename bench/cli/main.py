"""The program: its commands put together, its refusals printed, its exit code."""

import atexit
import gc
import re
import sys
import traceback
from typing import Annotated, Any, NoReturn

import typer

from bench import __version__
from bench.cli.commands import catalogue, exports, progress, runs, subjects, suites
from bench.cli.commands.board import board
from bench.cli.commands.data import data
from bench.cli.commands.engines import engines
from bench.cli.commands.gate import gate
from bench.cli.commands.init import init
from bench.cli.commands.run import run
from bench.cli.crash import as_internal
from bench.cli.output import forget_reader
from bench.control_codes import visible
from bench.errors import BenchError, ExitCode

_NEW_OBJECTS = 100_000
"""Objects after which Python looks for cycles among the new ones: a command makes many and hardly any cycle, and with
Python's own 700 a sixth of a report's time went into looking."""
_EXIT_CODES = (
    "Exit codes: 0 fine, 1 a gate failed, 2 wrong input, 3 the run is incomplete, 70 internal error, 130 interrupted."
)

app = typer.Typer(
    name="bench",
    help="Fine-tune, evaluate and compare language models, from one suite file to a report with verdicts.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(init)
app.command()(run)
app.command()(suites.validate)
app.command()(suites.plan)
app.command()(runs.report)
app.command()(progress.status)
app.command()(progress.watch)
app.command()(runs.compare)
app.command()(board)
app.command()(exports.export)
app.command()(exports.verify)
app.command("import")(exports.import_)
app.command()(subjects.weights)
app.command()(subjects.chat)
app.command()(runs.clean)
app.command("list")(catalogue.list_)
app.command()(catalogue.schema)
app.command()(catalogue.doctor)
app.add_typer(catalogue.models, name="models")
app.add_typer(engines, name="engines")
app.add_typer(data, name="data")
app.add_typer(gate, name="gate")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"bench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    # `--debug` is read by `main`, which catches what a command raises; here it is only shown in the help.
    del debug, version


def _fail(error: BenchError) -> NoReturn:
    for problem in error.problems:
        sys.stderr.write(f"error[{problem.reference}]: {_line(problem.what)}\n")
        if problem.where is not None:
            sys.stderr.write(f"  where: {_line(problem.where)}\n")
        if problem.hint is not None:
            sys.stderr.write(f"  hint: {_line(problem.hint)}\n")
    sys.exit(error.exit_code)


def _line(text: str) -> str:
    """On one line, so that no file's name or content passes for a line of ours."""
    return visible(text)


def _exit_on_usage(error: Any) -> NoReturn:
    """A wrong command line, reported as every other refusal is."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "bench"
    message = error.format_message()
    if message:  # empty where typer has already shown the help
        message = " ".join(message.replace("Value error, ", "").split())
        hint = f"{command} {_out_flag(context, message) or '--help'}"
        sys.stderr.write(f"error[usage]: {visible(message)}\n  hint: {visible(hint)}\n")
    sys.exit(ExitCode.BAD_INPUT)


def _out_flag(context: Any, message: str) -> str | None:
    """The flag for a file to write that was given without it, where the command has one."""
    given = re.search(r"unexpected extra argument\S* \((\S+\.toml)\)", message)
    flags = {flag for param in context.command.params for flag in param.opts} if context is not None else set()
    return f"--out {given[1]}" if given is not None and "--out" in flags else None


def main() -> None:
    """Run the command line and end the process with its exit code (`bench.errors.ExitCode`)."""
    gc.set_threshold(_NEW_OBJECTS)
    atexit.register(gc.freeze)  # a look for cycles among all that the process leaves was a tenth of a plan's time
    debug = "--debug" in sys.argv[1:]
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]  # it may stand anywhere
    try:
        result = app(args=arguments, prog_name="bench", standalone_mode=False)
    except BrokenPipeError:
        forget_reader(sys.stdout)
        result = ExitCode.OK
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was finished is kept, the same command resumes from there\n")
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as error:
        if debug:
            traceback.print_exc()
        if isinstance(error, BenchError):
            _fail(error)
        if hasattr(error, "format_message"):  # click's own refusals, whichever click typer carries
            _exit_on_usage(error)
        _fail(as_internal(error, arguments))
    sys.exit(result if isinstance(result, int) else ExitCode.OK)
