"""The answer and its picture, before everything else."""

from __future__ import annotations

from collections.abc import Iterator

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.report.render.view import Block, Bullets, Cell, Figure, Paragraph, Section
from bench.report.sections.sanity import alike, what_was_seen
from bench.report.sections.scores.results import FIGURES

_MOST_DOUBTS = 3


def answer_section(comparison: Comparison) -> Section | None:
    """What to do, the evidence, what is still open or in doubt, and one picture; `None` of a run that asks nothing."""
    answer = comparison.answer
    if answer is None:
        return None
    blocks: list[Block] = [Paragraph(text=answer.lead, tone="strong" if answer.decided else "unsure")]
    if answer.evidence:
        blocks.append(Paragraph(text=" ".join(answer.evidence)))
    if answer.still_open:
        blocks.append(Paragraph(text="Still open:", tone="unsure"))
        blocks.append(Bullets(items=tuple(Cell(text=claim) for claim in answer.still_open)))
    doubts = [finding for finding in comparison.sanity if set(finding.changes) & set(answer.rests_on)]
    if doubts:
        kinds = ", ".join(dict.fromkeys(finding.name for finding in doubts))
        blocks.append(Paragraph(text=f"What may change this answer: {kinds}.", tone="unsure"))
        blocks.append(Bullets(items=tuple(Cell(text=doubt) for doubt in _named(alike(doubts))), only="document"))
    blocks += _picture(comparison)
    return Section(title="Answer", blocks=tuple(blocks))


def _named(groups: list[list[Finding]]) -> Iterator[str]:
    """The first kinds of doubt in full; the section on sanity has all."""
    yield from map(what_was_seen, groups[:_MOST_DOUBTS])
    if len(groups) > _MOST_DOUBTS:
        yield f"{len(groups) - _MOST_DOUBTS} more: see Sanity"


def _picture(comparison: Comparison) -> list[Figure]:
    """The claims' differences; where there are none, the arms', else the scores."""
    return [FIGURES[name] for name in FIGURES if name in comparison.plots][:1]
