"""What failed: jobs, and scores whose lack decides something."""

from __future__ import annotations

from collections.abc import Iterator

from bench.report.analysis.comparison import Comparison
from bench.report.render import format as fmt
from bench.report.render.view import Block, Bullets, Cell, Column, Paragraph, Section, Table, texts
from bench.report.sections.marks import FAILURES


def failures_section(comparison: Comparison) -> Section | None:
    """Every job that failed or never ran, and why; every arm whose missing scores decide something; else `None`."""
    blocks = [*_absent_jobs(comparison), *_absent_scores(comparison)]
    return Section(title="What is missing", blocks=tuple(blocks)) if blocks else None


def _absent_jobs(comparison: Comparison) -> Iterator[Block]:
    if not comparison.missing:
        return
    columns = (*texts("Job", "Status", "Reason"), Column(title="Log", detail=True))
    rows = tuple(
        (
            Cell(text=absence.job, tone="strong"),
            Cell(text=FAILURES[absence.kind], tone="bad"),
            Cell(text=absence.message),
            Cell(text=absence.log or fmt.NONE),
        )
        for absence in comparison.missing
    )
    yield Table(columns=columns, rows=rows)
    without = " without `--only`" if any(absence.kind == "left_out" for absence in comparison.missing) else ""
    again = f"Run the same command{without} to try these jobs again; finished jobs are kept."
    if any(absence.kind == "refused" for absence in comparison.missing):
        again += " A refused job is refused again until its recipe changes, or this machine."
    yield Paragraph(text=again)


def _absent_scores(comparison: Comparison) -> Iterator[Block]:
    """For each eval the arms, with the share of their scores that is missing, and the evals that scored nothing."""
    missing = comparison.completeness.missing_scores
    if missing:
        yield Paragraph(text="These missing scores decide a mark or a claim, which may change if they are bad or good:")
        shares: dict[str, list[str]] = {}
        for scores in missing:
            shares.setdefault(scores.measurand, []).append(f"{scores.arm} ({fmt.percent(scores.share)})")
        yield Bullets(items=tuple(Cell(text=f"{name}: {fmt.listed(arms)}") for name, arms in shares.items()))
    if comparison.completeness.unscored:
        yield Paragraph(text=f"Without any score: {fmt.listed(comparison.completeness.unscored)}.")
