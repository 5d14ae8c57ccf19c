"""Draw a run's report: `report.md`, `report.html`, `plots/`, `flips.jsonl`, `look.json` in its directory; the short
form of the terminal.

Contract: needs the run directory alone, and no torch; can be redone at any time. Each file is whole or absent. A
report that would come out as it is, is only printed (`bench.report.cached_report`).
"""

from pathlib import Path

from rich.console import Console

from bench.atomic import write_errors_as_problems, write_lines, write_text
from bench.record.look import LOOK
from bench.report.analysis.aligned.score_rows import Run
from bench.report.analysis.answers.flips import FILE as FLIPS
from bench.report.analysis.comparison import Comparison
from bench.report.cached_report import PAGE, REPORT, cache_report, print_view
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.plots.draw import draw
from bench.report.render import html, markdown
from bench.report.render.drawing import Drawing
from bench.report.share import to_share
from bench.report.workbench import workbench


def write_report(run: Run, *, console: Console | None = None, full: bool = False) -> Path:
    """Write the report of `run`, print its first screen (`full`: all) on `console`, and return the path of report.md.

    Raises `InputError` where the record or the scores cannot be read.
    """
    return write_comparison(compare(run), run.path, console=console, full=full)


def write_comparison(
    comparison: Comparison,
    folder: Path,
    *,
    console: Console | None = None,
    full: bool = False,
) -> Path:
    """Write a comparison that is at hand as `write_report` does."""
    flips = comparison.flips.lines()  # other processes begin, where they are many
    view = compose(comparison)
    path = folder / REPORT
    with write_errors_as_problems(str(folder)):
        plots = _write_plots(comparison, folder / markdown.PLOTS)
        write_text(path, markdown.render(view))
        write_text(folder / PAGE, html.render(view, plots, workbench(comparison)))
        write_lines(folder / FLIPS, flips)
        if comparison.look is not None:
            write_text(folder / LOOK, comparison.look.model_dump_json(indent=1))
        if not comparison.history:  # what is kept is the report without it
            names = (REPORT, PAGE, FLIPS, *(f"{markdown.PLOTS}/{name}.svg" for name in plots))
            cache_report(folder, view, comparison.completeness.exit_code, files=names)
    if console is not None:
        print_view(view, folder, console, full=full)
    return path


def write_copy(comparison: Comparison, folder: Path) -> Path:
    """Write a copy to publish into `folder` (see `bench.report.share`), and return the path of its report.md."""
    shared = to_share(comparison)
    view = compose(shared)
    with write_errors_as_problems(str(folder)):
        plots = _write_plots(shared, folder / markdown.PLOTS)
        write_text(folder / REPORT, markdown.render(view))
        write_text(folder / PAGE, html.render(view, plots, workbench(shared)))
    return folder / REPORT


def _write_plots(comparison: Comparison, folder: Path) -> dict[str, Drawing]:
    """Every drawing by name, each as a file in `folder`, too."""
    plots = draw(comparison)
    for name, drawing in plots.items():
        write_text(folder / f"{name}.svg", drawing.document())
    return plots
