"""The answer and its picture, before everything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.report.analysis.comparison import Comparison
from bench.report.render.view import Block, Bullets, Cell, Figure, Paragraph, Section
from bench.report.sections.sanity import alike, what_was_seen
from bench.report.sections.scores.results import FIGURES

_MOST_LINES = 3


def answer_section(comparison: Comparison) -> Section | None:
    """What to do, the evidence, what is still open or in doubt, and one picture; `None` of a run that asks nothing."""
    answer = comparison.answer
    if answer is None:
        return None
    blocks: list[Block] = [Paragraph(text=answer.lead, tone="strong")]
    if answer.evidence:
        blocks.append(Paragraph(text=" ".join(answer.evidence)))
    if answer.still_open:
        blocks.append(Paragraph(text="Still open, and what would decide it if the estimates are true:", tone="unsure"))
        blocks.append(Bullets(items=tuple(Cell(text=claim) for claim in _first(answer.still_open, "Claims"))))
    doubts = [finding for finding in comparison.sanity if set(finding.changes) & set(answer.rests_on)]
    if doubts:
        kinds = ", ".join(dict.fromkeys(finding.name for finding in doubts))
        seen = [what_was_seen(group) for group in alike(doubts)]
        blocks.append(Paragraph(text=f"What may change this answer: {kinds}.", tone="unsure"))
        blocks.append(Bullets(items=tuple(Cell(text=doubt) for doubt in _first(seen, "Sanity")), only="document"))
    blocks += _picture(comparison)
    return Section(title="Answer", blocks=tuple(blocks))


def _first(lines: Sequence[str], section: str) -> Iterator[str]:
    """The first lines; the section has all."""
    yield from lines[:_MOST_LINES]
    if len(lines) > _MOST_LINES:
        yield f"{len(lines) - _MOST_LINES} more: see {section}"


def _picture(comparison: Comparison) -> list[Figure]:
    """The claims' differences; where there are none, the arms', else the scores."""
    return [FIGURES[name] for name in FIGURES if name in comparison.plots][:1]
