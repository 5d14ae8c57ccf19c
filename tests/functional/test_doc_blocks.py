"""Every code block of the documentation is executed: what a reader copies works.

A shell's commands run through the program's own parser and commands, on a finished run; only what trains, times for
minutes, asks servers or downloads has a stand-in (`STAND_INS`), and its arguments and its suite are read all the same.
TOML is validated by its reader, Python is executed, JSON and YAML are parsed. What cannot run here says why in a
comment before the block (`<!-- not run: … -->`); its `bench` commands are still parsed.
"""

import inspect
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from bench.cli.main import app
from bench.data.micro.rows import rows as micro_rows
from bench.design.instrument_view import print_instrument
from bench.design.resolve import resolve_instrument
from bench.design.until_decided import run_until_decided
from bench.gate.pytest_plugin import StepBenchmark
from bench.gate.show import print_speed
from bench.gate.speed.speed_gate import compare_command
from bench.gate.speed.versions import other_checkout
from bench.making.load import load_make
from bench.making.summary import MakeSummary
from bench.perf.doctor import _measure_matmul
from bench.record.rundir import RunDirectory
from bench.report.compare import compare
from bench.run.commands.fetch import fetch_packaged
from bench.run.commands.make import make_data
from bench.run.estimate.forecast import forecast
from bench.run.executors.choose import choose_executor
from bench.run.executors.ray import connected_ray
from bench.run.process.server import ChildServer
from bench.run.run import run_suite
from bench.suite.catalog.devices import read_cluster
from bench.suite.load import validate_all_profiles
from bench.suite.tables.suite import Limits
from tests.fakes.doc_blocks import EVALS, ROOT, Block, blocks_of, furnish, inline_code

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "suites/**/*.md", "benchmarks/*.md", "models/**/*.md")
    for path in ROOT.glob(pattern)
)
BLOCKS = [block for page in PAGES for block in blocks_of(page)]
COMMANDS = typer.main.get_command(app)
MADE = MakeSummary(
    kind="distil", path="made.jsonl", rows=998, added=998, wanted=None, asked=1000, reused=0, failed=0,
    left_out={"cut off": 2}, prompt_tokens=61_240, completion_tokens=201_933, cost=0.1304, cost_now=0.1304,
    currency="USD", on_endpoint=True, failures={},
)  # fmt: skip


def _finished(*_: object, **__: object) -> RunDirectory:
    return RunDirectory.find("latest", Path("reports"))


def _decided(load: Callable[[tuple[str, ...]], object], *_: object, **__: object) -> object:
    load(())
    return _finished(), compare(_finished())


def _nothing(*_: object, **__: object) -> tuple[()]:
    return ()


STAND_INS: dict[Callable[..., object], Callable[..., object]] = {
    run_suite: _finished,
    run_until_decided: _decided,
    resolve_instrument: _nothing,
    print_instrument: _nothing,
    compare_command: lambda *_, **__: SimpleNamespace(exit_code=0),
    print_speed: _nothing,
    other_checkout: lambda ref, **_: (ref, Path()),
    connected_ray: _nothing,
    fetch_packaged: lambda name: f"{name}: fetched",
    _measure_matmul: lambda: ({}, None),
    make_data: lambda spec, **_: load_make(spec) and MADE,
}
"""What trains, times, downloads or asks a server, and what stands there instead. Each has tests of its own."""


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder and one home for all pages: what a page made, another need not make again."""
    folder = tmp_path_factory.mktemp("docs")
    furnish(folder)
    return folder


@pytest.fixture
def folder(furnished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(furnished)
    for name, value in {"HOME": "home", "BENCH_HOME": ".bench"}.items():
        monkeypatch.setenv(name, str(furnished / value))
    for function, stand_in in STAND_INS.items():
        for module in [module for name, module in sys.modules.items() if name.startswith("bench.")]:
            if vars(module).get(function.__name__) is function:
                monkeypatch.setattr(module, function.__name__, stand_in)
    monkeypatch.setattr("shellingham.detect_shell", lambda *_, **__: ("bash", "/bin/bash"))  # a runner may have none
    server = partial(ChildServer, module="tests.fakes.worker")
    monkeypatch.setattr(sys.modules[forecast.__module__], "ChildServer", server)
    monkeypatch.setattr(
        sys.modules[micro_rows.__module__], "MIXED_ROWS", 4_000
    )  # of 52,000, which take seconds to draw
    return furnished


@pytest.mark.parametrize("page", dict.fromkeys(block.page for block in BLOCKS))
def test_every_block_of_a_page_works(page: str, folder: Path) -> None:
    """In order and in one folder, as a reader would do it."""
    problems, blocks = list[str](), [block for block in BLOCKS if block.page == page]
    for block in blocks:
        if block.file is not None:
            (folder / block.file).parent.mkdir(exist_ok=True)
            (folder / block.file).write_text(block.text, encoding="utf-8")
    for block in blocks:
        problems += [f"{block.place}: {problem}" for problem in _problems(block, folder)]
    assert problems == []


def _problems(block: Block, folder: Path) -> Iterator[str]:
    if block.not_run is not None:
        for words in _commands(block.text) if block.language == "sh" else ():
            yield from _not_parsed(words)
        return
    try:
        yield from RUNNERS[block.language](block, folder)
    except Exception as error:  # whatever a block does wrong is its problem, and the other blocks have theirs
        yield f"{type(error).__name__}: {error}"


def _shell(block: Block, _: Path) -> Iterator[str]:
    for words in _commands(block.text):
        problem, _printed = _run(*words)
        if problem:
            yield f"{shlex.join(words)}: {problem}"


def _console(block: Block, _: Path) -> Iterator[str]:
    """Commands with what they print."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        problem, printed = _run(*shlex.split(command))
        if problem or printed != shown:
            yield f"{command}: {problem or printed}"


def _toml(block: Block, folder: Path) -> Iterator[str]:
    """A whole file by its own reader; some tables of a suite laid over one that has what they name."""
    path = folder / (block.file or f"block-{block.line}.toml")
    path.write_text(block.text, encoding="utf-8")
    kind = re.match(r'kind = "(\w+)"', block.text)
    if kind and kind[1] in ("command", "slurm", "ray"):
        choose_executor(str(path), limits=Limits())
    elif kind:
        load_make(str(path))
    elif block.text.startswith("count = "):
        read_cluster(str(path))
    elif "name = " not in block.text.partition("[")[0]:
        own = set(re.findall(r'^name = "(\w+)"', block.text, re.MULTILINE)) if "[[eval]]" in block.text else set(EVALS)
        others = "".join(text for name, text in EVALS.items() if name not in own)
        path.write_text(f'extends = "base.toml"\n{block.text}\n{others}', encoding="utf-8")
        validate_all_profiles(path)
    else:
        validate_all_profiles(path)
    yield from ()


def _python(block: Block, _: Path) -> Iterator[str]:
    """The block's text; of tests in it, the call that they make."""
    namespace: dict[str, Any] = {}
    exec(block.text, namespace)  # noqa: S102  # the page's own text
    asked = inspect.signature(StepBenchmark.__call__)
    for name, test in namespace.items():
        if name.startswith("test_"):
            test(lambda *values, **options: asked.bind(None, *values, **options))
    yield from ()


def _json(block: Block, folder: Path) -> Iterator[str]:
    """One value, or one for each line."""
    if block.file is None:
        json.loads(block.text)
    for line in block.text.splitlines() if block.file else ():
        json.loads(line)
    yield from ()


def _yaml(block: Block, _: Path) -> Iterator[str]:
    assert isinstance(yaml.safe_load(block.text), dict)
    yield from ()


RUNNERS: dict[str, Callable[[Block, Path], Iterator[str]]] = {
    "sh": _shell, "console": _console, "toml": _toml, "python": _python, "json": _json, "yaml": _yaml,
}  # fmt: skip
"""By language. A block of any other needs a reason not to be run."""


def _commands(text: str) -> Iterator[list[str]]:
    """Words of each command of a shell's block, or of one with output."""
    lines = text.replace("\\\n", " ").splitlines()
    shown = any(line.startswith("$ ") for line in lines)
    for line in lines:
        if not shown or line.startswith("$ "):
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words:
                yield words


@cache
def _run(*words: str) -> tuple[str | None, str]:
    """What is wrong with a command, and what it prints. A command that several pages have runs once."""
    *words, file = words if ">" in words[:-1] else (*words, None)
    words = words[:-1] if file else words
    program, arguments = words[0], words[1:]
    if program == "bench":
        done = CliRunner().invoke(app, arguments, prog_name="bench")
        if file:
            Path(file).write_text(done.stdout, encoding="utf-8")
        failed = done.exit_code != 0 or done.exception is not None
        return (f"{done.exit_code} {done.exception or done.output[-300:]}" if failed else None), done.stdout
    if program == "make":
        known = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        return (None if set(arguments) <= set(known) else "no such target"), ""
    if "pytest" in words:
        places = [word for word in words if word.startswith("tests/")]
        return (None if places and all((ROOT / place).exists() for place in places) else "no such tests"), ""
    if program in (".", "cp", "export", "pytest-benchmark"):
        line = " ".join(word if "*" in word else shlex.quote(word) for word in words)
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, env={"PATH": path}, check=False)  # noqa: S607
        return (done.stderr[-300:] if done.returncode else None), done.stdout
    return "no test runs this program: state in a comment before the block why it is not run", ""


def _not_parsed(words: list[str]) -> Iterator[str]:
    """What the program's own parser refuses of a `bench` command, wherever in the line it begins."""
    if "bench" not in words:
        return
    words = words[words.index("bench") + 1 :]
    words = words[: words.index(">")] if ">" in words else words
    command, context = COMMANDS, None
    try:
        while True:
            context = command.make_context("bench", list(words), parent=context, resilient_parsing=not words)
            if not hasattr(command, "resolve_command"):
                return
            _, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
    except typer.Exit:
        return  # --help, --version and the like
    except Exception as error:
        yield f"bench {shlex.join(words)}: {getattr(error, 'message', error)}"


def test_every_command_named_in_the_text_exists() -> None:
    """`bench plan --on` in a sentence: command and options are the program's."""
    problems = []
    for page in PAGES:
        if page == "CHANGELOG.md":
            continue  # it speaks of earlier versions, too
        for code in inline_code(page):
            if code.startswith("bench "):
                problems += [f"{page}: {code}: {problem}" for problem in _unknown(code.split()[1:])]
    assert problems == []


def _unknown(words: list[str]) -> Iterator[str]:
    command = COMMANDS
    while words and hasattr(command, "commands"):
        if words[0] not in command.commands:
            if not words[0].startswith(("-", "…")):
                yield f"no command {words[0]}"
            return
        command, words = command.commands[words[0]], words[1:]
    options = {option for parameter in command.params for option in parameter.opts} | {"--help", "--debug"}
    yield from (word for word in words if word.startswith("--") and word.partition("=")[0] not in options)
