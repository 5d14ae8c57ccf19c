"""The runs of a board in their order, and each suite's changes from one run to the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench.errors import InputError, Problem
from bench.record.record import GitState
from bench.record.rundir import LATEST, RECORD, RunDirectory
from bench.report.analysis.across.compare_runs import ScoreShift, compare_runs
from bench.report.analysis.comparison import Comparison
from bench.report.compare import compare


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRun:
    """One run of the board."""

    directory: RunDirectory
    created: str
    git: GitState | None
    comparison: Comparison

    @property
    def name(self) -> str:
        """Its folder's name."""
        return self.directory.path.name

    @property
    def commit(self) -> str:
        """`dddddddd`, with a `+` where files were changed; `–` outside a checkout."""
        return "–" if self.git is None else self.git.commit[:8] + ("+" if self.git.dirty else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep:
    """From one run of a suite to the next."""

    first: BoardRun
    second: BoardRun
    changes: tuple[ScoreShift, ...]
    """Every arm and eval of both; empty where the runs do not mean the same."""
    refusals: tuple[str, ...]
    """Why they cannot be compared; empty where they can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteHistory:
    """The runs of one suite, oldest first, and what changed between neighbours."""

    suite: str
    runs: tuple[BoardRun, ...]
    steps: tuple[RunStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """All runs, by suite. unread: folders whose record cannot be read, each with the reason."""

    suites: tuple[SuiteHistory, ...]
    unread: tuple[tuple[str, str], ...]

    @property
    def runs(self) -> tuple[BoardRun, ...]:
        return tuple(run for history in self.suites for run in history.runs)


def find_runs(names: Sequence[str], reports: Path) -> list[RunDirectory]:
    """The runs that names mean: every run below a folder, else as for other commands.

    Raises `InputError` where there is none."""
    found: dict[Path, RunDirectory] = {}
    for name in names:
        for folder in _below(Path(name)) or [RunDirectory.find(name, reports).path]:
            found.setdefault(folder.resolve(), RunDirectory(folder))
    return list(found.values())


def _below(folder: Path) -> list[Path]:
    """Folders of runs, at most two below `folder`, without the links called `latest`."""
    records = [path for pattern in (RECORD, f"*/{RECORD}", f"*/*/{RECORD}") for path in sorted(folder.glob(pattern))]
    return [path.parent for path in records if path.parent.name != LATEST]


def make_board(directories: Sequence[RunDirectory]) -> Board:
    """The board. Raises `InputError` where no run can be read."""
    runs, unread = [], []
    for directory in directories:
        try:
            record = directory.load()
            run = BoardRun(directory=directory, created=record.created, git=record.git, comparison=compare(directory))
        except InputError as error:
            unread.append((str(directory.path), error.problems[0].what))
            continue
        runs.append(run)
    if not runs:
        what, where = "no run can be read", "; ".join(f"{path}: {reason}" for path, reason in unread)
        raise InputError(Problem(reference="board.no-run", what=what, where=where or None))
    suites = sorted({run.comparison.run.suite for run in runs})
    histories = [_history(suite, [run for run in runs if run.comparison.run.suite == suite]) for suite in suites]
    return Board(suites=tuple(histories), unread=tuple(unread))


def _history(suite: str, runs: list[BoardRun]) -> SuiteHistory:
    ordered = sorted(runs, key=lambda run: run.created)
    steps = [_step(first, second) for first, second in pairwise(ordered)]
    return SuiteHistory(suite=suite, runs=tuple(ordered), steps=tuple(steps))


def _step(first: BoardRun, second: BoardRun) -> RunStep:
    try:
        compared = compare_runs(first.directory, second.directory)
    except InputError as error:
        refusals = tuple(problem.what for problem in error.problems)
        return RunStep(first=first, second=second, changes=(), refusals=refusals)
    return RunStep(first=first, second=second, changes=compared.changes, refusals=())
