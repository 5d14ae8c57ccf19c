"""What to know before trusting a cell: sanity verdicts by what they change, and what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.report.render import format as fmt
from bench.report.render.view import Block, Bullets, Cell, Column, Paragraph, Section, Table, texts
from bench.report.sections.marks import FAILURES

_MOST_NAMED = 3


def sanity_section(comparison: Comparison) -> Section:
    """Verdicts that change a conclusion, with what they change; the others as one line with their counts."""
    telling = [finding for finding in comparison.sanity if finding.changes]
    others = [finding for finding in comparison.sanity if not finding.changes]
    blocks: list[Block] = []
    if telling:
        columns = texts("Verdict", "What was seen", "What it may change")
        rows = tuple(_telling_row(group) for group in _alike(telling))
        blocks.append(Table(columns=columns, rows=rows, only="document"))
        changed = _changed(telling).items()
        kinds = ", ".join(f"{name} ({fmt.plural(conclusions, 'conclusion')})" for name, conclusions in changed)
        text = f"To read first, with what it may change: {kinds}. What was seen is in the report."
        blocks.append(Paragraph(text=text, only="terminal"))
    if others:
        counts = Counter(finding.name for finding in others)
        named = ", ".join(f"{name} ({count})" if count > 1 else name for name, count in counts.most_common())
        total = fmt.plural(len(others), "more verdict" if telling else "verdict")
        text = f"{total} {'changes' if len(others) == 1 else 'change'} no conclusion: {named}."
        blocks.append(Paragraph(text=text, tone="muted"))
    if not blocks:
        blocks.append(Paragraph(text="Nothing to report: every check passed."))
    return Section(title="Sanity", blocks=tuple(blocks))


def all_sanity_section(comparison: Comparison) -> Section | None:
    """Every verdict that changes no conclusion, one by one; `None` where there is none."""
    others = [finding for finding in comparison.sanity if not finding.changes]
    if not others:
        return None
    columns = texts("Verdict", "Where", "What was seen")
    rows = tuple((Cell(text=f.name, tone="strong"), Cell(text=_where(f)), Cell(text=f.detail)) for f in others)
    return Section(
        title="Sanity verdicts that change no conclusion", blocks=(Table(columns=columns, rows=rows),), folded=True
    )


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
        again += " A refused job is refused again until its recipe changes."
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


def _changed(findings: list[Finding]) -> dict[str, int]:
    """By kind of verdict, how many conclusions it may change."""
    changes: dict[str, set[str]] = {}
    for finding in findings:
        changes.setdefault(finding.name, set()).update(finding.changes)
    return {name: len(changed) for name, changed in changes.items()}


def _alike(findings: list[Finding]) -> list[list[Finding]]:
    """Verdicts of one kind that see the same, together."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.name, finding.detail), []).append(finding)
    return list(groups.values())


def _telling_row(group: list[Finding]) -> tuple[Cell, ...]:
    first = group[0]
    where = fmt.listed([_where(finding) for finding in group])
    changes = list(dict.fromkeys(change for finding in group for change in finding.changes))
    more = len(changes) - _MOST_NAMED
    named = [*changes[:_MOST_NAMED], *([f"{more} more"] if more > 0 else [])]
    return (
        Cell(text=first.name, tone="bad"),
        Cell(text=f"{where}: {first.detail}"),
        Cell(text="; ".join(named)),
    )


def _where(finding: Finding) -> str:
    return " on ".join(name for name in (finding.arm, finding.measurand) if name) or "whole run"
