"""A finished report reused: its view is kept beside it, so that printing it again computes nothing.

Contract: what is printed is what a new computation would print. The stamp covers the record and the scores by content,
the files of this program by size and time, and the report's own files: a change of any computes it anew. The first line
of the file has what the first screen shows, and the second the whole view, which is read where it is asked for.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

import bench
from bench.atomic import write_text
from bench.control_codes import visible
from bench.digest import digest_json
from bench.errors import ExitCode
from bench.folder import State, files_below, state_of
from bench.record.rundir import RECORD
from bench.report.render.terminal import print_report
from bench.report.render.view import View, first_screen
from bench.spec import Spec

VIEW = "view.jsonl"
REPORT = "report.md"
PAGE = "report.html"
"""The report as one file to send, plots inside."""


class CachedReport(Spec):
    """A finished report, and what it depends on."""

    stamp: str
    files: dict[str, State]
    """State of each file that was written with it, by name."""
    exit_code: int
    view: View


def cache_report(folder: Path, view: View, exit_code: ExitCode, *, files: Iterable[str]) -> None:
    """Remember the report that was just written to `folder`; `files`: what it wrote, relative to it.

    Without a record in the folder nothing is kept.
    """
    if not (folder / RECORD).is_file():
        return
    report = CachedReport(
        stamp=_stamp(folder),
        files={name: state_of(folder / name) for name in files},
        exit_code=int(exit_code),
        view=first_screen(view),
    )
    write_text(folder / VIEW, f"{report.model_dump_json()}\n{view.model_dump_json()}\n")


def cached_report(folder: Path, *, full: bool = False) -> CachedReport | None:
    """The report of the run in `folder`, if nothing that it depends on has changed since: its first screen, or with
    `full` all of it."""
    try:
        with (folder / VIEW).open("rb") as file:
            report = CachedReport.model_validate_json(file.readline())
            view = View.model_validate_json(file.readline()) if full else report.view
        unchanged = all(state_of(folder / name) == state for name, state in report.files.items())
        return report.model_copy(update={"view": view}) if unchanged and report.stamp == _stamp(folder) else None
    except (OSError, ValidationError):
        return None


def print_view(view: View, folder: Path, console: Console, *, full: bool = False) -> None:
    """The first screen, or all, and where the rest is."""
    print_report(view, console, full=full)
    if full:
        console.print()
    page, report = (visible(str(folder / name)) for name in (PAGE, REPORT))
    where = f"One page to send: {page}\nFull report: {report}" if full else f"All of it: --full; to send: {page}"
    console.print(Text(where, style="dim"), soft_wrap=True)


def _stamp(folder: Path) -> str:
    content = hashlib.sha256()
    scores = ((f"scores/{name}", entry.path) for name, entry in files_below(folder / "scores"))
    for name, path in ((RECORD, str(folder / RECORD)), *scores):
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # of thousands of files a `Path` takes most
            read = file.readall()
        content.update(f"{name}\n{len(read)}\n".encode())
        content.update(read)
    package = files_below(Path(bench.__file__).parent)
    code = {name: state_of(entry) for name, entry in package if not name.endswith(".pyc")}  # Python's own copies
    return digest_json([content.hexdigest(), code])
