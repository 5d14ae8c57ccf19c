"""What to know before trusting a cell: sanity verdicts by what they change."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Paragraph, Section, Table, texts

_MOST_NAMED = 4
_SEEDS = re.compile(r"seed [\d, and]+: ")


def sanity_section(comparison: Comparison) -> Section:
    """Verdicts that change a conclusion, with what they change, first those that change most of the answer; the others
    as one line with their counts."""
    telling = [finding for finding in comparison.sanity if finding.changes]
    others = [finding for finding in comparison.sanity if not finding.changes]
    blocks: list[Block] = []
    beyond = ""
    if telling:
        columns = texts("Sanity verdict", "What was seen", "What it may change")
        stated = () if comparison.answer is None else comparison.answer.rests_on
        groups = sorted(alike(telling), key=lambda group: -len(_changed(group) & set(stated)))
        rows = tuple(_telling_row(group, stated) for group in groups)
        blocks.append(Table(columns=columns, rows=rows, only="document"))
        beyond = _beyond_the_answer(telling, stated)
    if others:
        counts = Counter(finding.name for finding in others)
        named = ", ".join(f"{name} ({count})" if count > 1 else name for name, count in counts.most_common())
        total = fmt.plural(len(others), "more verdict" if telling else "verdict")
        text = f"{total} {'changes' if len(others) == 1 else 'change'} no conclusion: {named}."
        blocks.append(Paragraph(text=text, tone="muted", only="document" if beyond else None))
        beyond += f" {text}" if beyond else ""
    if beyond:
        blocks.append(Paragraph(text=beyond, tone="muted", only="terminal"))
    if not comparison.sanity:
        blocks.append(Paragraph(text="Nothing to report: every check passed."))
    return Section(title="Sanity", blocks=tuple(blocks))


def _beyond_the_answer(telling: Sequence[Finding], stated: Sequence[str]) -> str:
    """For a terminal, the kinds of verdicts that change what the answer does not state: it names the others."""
    kinds = ", ".join(dict.fromkeys(f.name for f in telling if not set(f.changes) & set(stated)))
    return f"{kinds} may change other conclusions." if kinds else ""


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


def alike(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Verdicts of one kind that see the same, together."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.name, finding.detail), []).append(finding)
    return list(groups.values())


def _changed(group: Sequence[Finding]) -> set[str]:
    return {change for finding in group for change in finding.changes}


def _telling_row(group: list[Finding], stated: Sequence[str]) -> tuple[Cell, ...]:
    """stated: conclusions that the answer states; what the verdicts change of these comes first."""
    changes = dict.fromkeys(change for finding in group for change in finding.changes)
    ordered = sorted(changes, key=lambda change: change not in stated)
    more = len(ordered) - _MOST_NAMED
    named = [*ordered[:_MOST_NAMED], *([f"{more} more"] if more > 0 else [])]
    return (
        Cell(text=group[0].name, tone="bad"),
        Cell(text=what_was_seen(group)),
        Cell(text="; ".join(named)),
    )


def what_was_seen(group: list[Finding], *, brief: bool = False) -> str:
    """Where verdicts of one kind were given, and what each saw there; brief: its first clause, behind its seeds."""
    detail = group[0].detail
    if brief:
        seeds = _SEEDS.match(detail)
        begin = 0 if seeds is None else seeds.end()
        detail = f"{detail[:begin]}{fmt.first_clause(detail[begin:])}"
    return f"{fmt.listed([_where(finding) for finding in group])}: {detail}"


def _where(finding: Finding) -> str:
    return " on ".join(name for name in (finding.arm, finding.measurand) if name) or "whole run"
