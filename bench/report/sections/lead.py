"""The first sentences and their picture, before everything else."""

from collections.abc import Sequence, Set

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.report.render.view import Block, Bullets, Cell, Paragraph, Section
from bench.report.sections.arm_names import arm_names
from bench.report.sections.sanity import alike, what_was_seen
from bench.report.sections.scores.results import FIGURES

_MOST_LINES = 4
"""Claims, and doubts, in a document. A terminal has one claim, for its table of claims is on the same screen, and what
was seen of two doubts."""
_OPEN = "Still open, with what would decide it if the estimate is true"
_DOUBT = "What may change this answer"
_MOST_ALIKE = 3
"""Doubts of one kind in its line."""


def lead_section(comparison: Comparison) -> Section | None:
    """What to do, the evidence, what is still open or in doubt, and one picture; `None` of a run that asks nothing."""
    lead = comparison.answer
    if lead is None:
        return None
    blocks: list[Block] = [Paragraph(text=lead.lead, tone="strong")]
    if lead.evidence:
        blocks.append(Paragraph(text=" ".join(lead.evidence)))
    if lead.reach:
        blocks.append(Paragraph(text=" ".join(lead.reach), only="document"))
    blocks += arm_names(comparison)
    if lead.still_open:
        blocks += _listed(_OPEN, [claim.text for claim in lead.still_open], "see Claims")
        more = len(lead.still_open) - 1
        brief = f"{_OPEN}: {lead.still_open[0].brief}{f'; {more} more: --full' if more else ''}."
        blocks.append(Paragraph(text=brief, tone="unsure", only="terminal"))
    doubts = _doubts(comparison.sanity, set(lead.rests_on))
    if doubts:
        names = [kind[0].name for kind in doubts]
        blocks += _listed(f"{_DOUBT}: {', '.join(names)}", list(map(_doubt, doubts)), "see Sanity")
        seen = [f"{name} ({_doubt(kind, brief=True)})" for name, kind in zip(names, doubts[:2], strict=False)]
        brief = f"{_DOUBT}: {', '.join([*seen, *names[2:]])}."
        blocks.append(Paragraph(text=brief, tone="unsure", only="terminal"))
    blocks += [FIGURES[name] for name in FIGURES if name in comparison.plots][:1]
    return Section(title="Answer", blocks=tuple(blocks))


def _doubts(findings: Sequence[Finding], stated: Set[str]) -> list[list[Finding]]:
    """Verdicts that change something stated, by kind: first what changes most of it, else worst first."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        if stated & set(finding.changes):
            kinds.setdefault(finding.name, []).append(finding)
    return sorted(kinds.values(), key=lambda kind: -len(stated & {change for one in kind for change in one.changes}))


def _doubt(kind: Sequence[Finding], *, brief: bool = False) -> str:
    """What was seen, and where; several things of one kind without what is alike of all."""
    groups = alike(kind)
    seen = [what_was_seen(group, brief=brief or len(groups) > 1) for group in groups[:_MOST_ALIKE]]
    more = len(groups) - _MOST_ALIKE
    return "; ".join([*seen, *([f"{more} more"] if more > 0 else [])])


def _listed(head: str, lines: Sequence[str], place: str) -> list[Block]:
    """For a document, the first lines below their head. place: where all are."""
    more = [f"{len(lines) - _MOST_LINES} more: {place}"] if len(lines) > _MOST_LINES else []
    items = tuple(Cell(text=line) for line in [*lines[:_MOST_LINES], *more])
    return [
        Paragraph(text=f"{head}{'.' if ': ' in head else ':'}", tone="unsure", only="document"),
        Bullets(items=items, only="document"),
    ]
