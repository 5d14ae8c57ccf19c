"""What to know before trusting a cell: sanity verdicts, and what failed."""

from __future__ import annotations

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Column, Paragraph, Section, Table
from bench.report.sections.marks import FAILURES


def sanity_section(comparison: Comparison) -> Section:
    """All sanity verdicts; says so where there is none."""
    if not comparison.sanity:
        return Section(title="Sanity", blocks=(Paragraph(text="Nothing to report: every check passed."),))
    columns = (Column(title="Verdict"), Column(title="Where"), Column(title="What was seen"))
    rows = tuple(_row(finding) for finding in comparison.sanity)
    return Section(title="Sanity", blocks=(Table(columns=columns, rows=rows),))


def failures_section(comparison: Comparison) -> Section | None:
    """Every job that failed or never ran, and why; `None` where there is none."""
    if not comparison.missing:
        return None
    columns = (
        Column(title="Job"),
        Column(title="Status"),
        Column(title="Reason"),
        Column(title="Log", detail=True),
    )
    rows = tuple(
        (
            Cell(text=absence.job, tone="strong"),
            Cell(text=FAILURES[absence.kind], tone="bad"),
            Cell(text=absence.message),
            Cell(text=absence.log or fmt.NONE),
        )
        for absence in comparison.missing
    )
    without = " without `--only`" if any(absence.kind == "left_out" for absence in comparison.missing) else ""
    again = f"Run the same command{without} to try these jobs again; finished jobs are kept."
    return Section(title="What is missing", blocks=(Table(columns=columns, rows=rows), Paragraph(text=again)))


def _row(finding: Finding) -> tuple[Cell, ...]:
    where = " on ".join(name for name in (finding.arm, finding.measurand) if name) or "whole run"
    return (Cell(text=finding.name, tone="bad"), Cell(text=where), Cell(text=finding.detail))
