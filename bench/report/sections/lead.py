"""The first sentences and their picture, before everything else."""

from collections.abc import Sequence, Set

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.report.render.view import Block, Bullets, Cell, Figure, Medium, Paragraph, Section
from bench.report.sections.arm_names import arm_names
from bench.report.sections.sanity import alike, what_was_seen
from bench.report.sections.scores.results import FIGURES

_MOST_LINES = 4
"""Claims, and doubts, in a document. A terminal has one claim, for its table of claims is on the same screen."""
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
        text = "Still open, with what would decide it (+ its work) if the estimates are true:"
        blocks.append(Paragraph(text=text, tone="unsure"))
        blocks.append(_listed([claim.text for claim in lead.still_open], _MOST_LINES, "see Claims", only="document"))
        blocks.append(_listed([claim.brief for claim in lead.still_open], 1, "--full", only="terminal"))
    doubts = _doubts(comparison.sanity, set(lead.rests_on))
    if doubts:
        text = f"What may change this answer: {', '.join(kind[0].name for kind in doubts)}."
        blocks.append(Paragraph(text=text, tone="unsure"))
        blocks.append(_listed([_doubt(kind) for kind in doubts], _MOST_LINES, "see Sanity", only="document"))
        blocks.append(_listed([_doubt(kind, brief=True) for kind in doubts], 2, "--full", only="terminal"))
    blocks += _picture(comparison)
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


def _listed(lines: Sequence[str], most: int, place: str, *, only: Medium) -> Bullets:
    """The first lines. place: where all are."""
    more = [f"{len(lines) - most} more: {place}"] if len(lines) > most else []
    return Bullets(items=tuple(Cell(text=line) for line in [*lines[:most], *more]), only=only)


def _picture(comparison: Comparison) -> list[Figure]:
    """The claims' differences; where there are none, the arms', else the scores."""
    return [FIGURES[name] for name in FIGURES if name in comparison.plots][:1]
