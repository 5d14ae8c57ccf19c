"""A finished report reused: its view is kept beside it, so that printing it again computes nothing.

Contract: what is printed is what a new computation would print. The stamp covers the record and the scores by content,
the files of this program by size and time, and the report's own files: a change of any computes it anew.
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
from bench.record.rundir import RECORD
from bench.report.render.terminal import print_report
from bench.report.render.view import View
from bench.spec import Spec

VIEW = "view.json"
REPORT = "report.md"
PAGE = "report.html"
"""The report as one file to send, plots inside."""


class CachedReport(Spec):
    """A finished report, and what it depends on."""

    stamp: str
    files: dict[str, tuple[int, int]]
    """Size and time of change of the files that were written with it, by name."""
    exit_code: int
    view: View


def cache_report(folder: Path, view: View, exit_code: ExitCode, *, files: Iterable[str]) -> None:
    """Remember the report that was just written to `folder`; `files`: what it wrote, relative to it.

    Without a record in the folder nothing is kept.
    """
    if not (folder / RECORD).is_file():
        return
    report = CachedReport(
        stamp=_stamp(folder), files={name: _state(folder / name) for name in files}, exit_code=int(exit_code), view=view
    )
    write_text(folder / VIEW, report.model_dump_json())


def cached_report(folder: Path) -> CachedReport | None:
    """The report of the run in `folder`, if nothing that it depends on has changed since."""
    try:
        report = CachedReport.model_validate_json((folder / VIEW).read_bytes())
        unchanged = all(_state(folder / name) == state for name, state in report.files.items())
        return report if unchanged and report.stamp == _stamp(folder) else None
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
    scores = sorted(path for path in (folder / "scores").rglob("*") if path.is_file())
    content = hashlib.sha256()
    for path in (folder / RECORD, *scores):
        content.update(f"{path.relative_to(folder)}\n{path.stat().st_size}\n".encode())
        content.update(path.read_bytes())
    package = Path(bench.__file__).parent
    files = (path for path in sorted(package.rglob("*.[cjp]*")) if path.suffix != ".pyc")  # Python's own copies
    code = {path.relative_to(package).as_posix(): _state(path) for path in files}
    return digest_json([content.hexdigest(), code])


def _state(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
