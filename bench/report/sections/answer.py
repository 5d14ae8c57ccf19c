"""The answer and its picture, before everything else."""

from __future__ import annotations

from bench.report.analysis.comparison import Comparison
from bench.report.render.view import Block, Bullets, Cell, Figure, Paragraph, Section
from bench.report.sections.scores.results import FIGURES


def answer_section(comparison: Comparison) -> Section | None:
    """What to do, the evidence, what is still open, and one picture; `None` of a run that asks nothing."""
    answer = comparison.answer
    if answer is None:
        return None
    blocks: list[Block] = [Paragraph(text=answer.lead, tone="strong" if answer.decided else "unsure")]
    if answer.evidence:
        blocks.append(Paragraph(text=" ".join(answer.evidence)))
    if answer.still_open:
        blocks.append(Paragraph(text="Still open:", tone="unsure"))
        blocks.append(Bullets(items=tuple(Cell(text=claim) for claim in answer.still_open)))
    blocks += _picture(comparison)
    return Section(title="Answer", blocks=tuple(blocks))


def _picture(comparison: Comparison) -> list[Figure]:
    """The claims' differences; where there are none, the arms', else the scores."""
    return [FIGURES[name] for name in FIGURES if name in comparison.plots][:1]
