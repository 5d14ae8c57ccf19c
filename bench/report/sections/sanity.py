"""What to know before trusting a cell: sanity verdicts by what they change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Paragraph, Section, Table, texts

_MOST_NAMED = 3


def sanity_section(comparison: Comparison) -> Section:
    """Verdicts that change a conclusion, with what they change; the others as one line with their counts."""
    telling = [finding for finding in comparison.sanity if finding.changes]
    others = [finding for finding in comparison.sanity if not finding.changes]
    blocks: list[Block] = []
    if telling:
        columns = texts("Sanity verdict", "What was seen", "What it may change")
        rows = tuple(_telling_row(group) for group in alike(telling))
        blocks.append(Table(columns=columns, rows=rows, only="document"))
        changed = _changed(telling).items()
        kinds = ", ".join(f"{name} ({conclusions})" for name, conclusions in changed)
        text = f"Verdicts that may change conclusions, and how many: {kinds}. The report has what was seen."
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
    columns = texts("Sanity verdict", "Where", "What was seen")
    rows = tuple((Cell(text=f.name, tone="strong"), Cell(text=_where(f)), Cell(text=f.detail)) for f in others)
    return Section(
        title="Sanity verdicts that change no conclusion", blocks=(Table(columns=columns, rows=rows),), folded=True
    )


def _changed(findings: list[Finding]) -> dict[str, int]:
    """By kind of verdict, how many conclusions it may change."""
    changes: dict[str, set[str]] = {}
    for finding in findings:
        changes.setdefault(finding.name, set()).update(finding.changes)
    return {name: len(changed) for name, changed in changes.items()}


def alike(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Verdicts of one kind that see the same, together."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.name, finding.detail), []).append(finding)
    return list(groups.values())


def _telling_row(group: list[Finding]) -> tuple[Cell, ...]:
    changes = list(dict.fromkeys(change for finding in group for change in finding.changes))
    more = len(changes) - _MOST_NAMED
    named = [*changes[:_MOST_NAMED], *([f"{more} more"] if more > 0 else [])]
    return (
        Cell(text=group[0].name, tone="bad"),
        Cell(text=what_was_seen(group)),
        Cell(text="; ".join(named)),
    )


def what_was_seen(group: list[Finding]) -> str:
    """Where verdicts of one kind were given, and what each saw there."""
    return f"{fmt.listed([_where(finding) for finding in group])}: {group[0].detail}"


def _where(finding: Finding) -> str:
    return " on ".join(name for name in (finding.arm, finding.measurand) if name) or "whole run"
