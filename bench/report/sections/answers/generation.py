"""What drawing the answers took, and the noise that drawing them makes."""

from __future__ import annotations

from bench.report.analysis.answers.generation import GenerationCost
from bench.report.analysis.comparison import Comparison
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Paragraph, Section, Table, numbers, texts
from bench.report.sections.speed_cell import speed_cell


def generation_section(comparison: Comparison) -> Section | None:
    """One row per eval and arm; `None` where no eval draws answers by itself."""
    costs = comparison.generation
    if not costs:
        return None
    columns = (
        *texts("Eval", "Arm"),
        *numbers("Answers", "Per prompt", "Tokens", "Tokens/s", "First token, ms", "Decoding noise"),
    )
    about = (
        "Means over seeds. Tokens/s: generated tokens per second, with the reading of prompts; shared: measured only "
        "beside other jobs or programs, so not a measure of the arm. First token: of a lone prompt, median. Decoding "
        "noise: standard error of the score from sampling answers alone; it is part of the score's interval."
    )
    blocks = (Table(columns=columns, rows=tuple(_row(cost) for cost in costs)), Paragraph(text=about, tone="muted"))
    return Section(title="Generation", blocks=blocks, only="document")


def _row(cost: GenerationCost) -> tuple[Cell, ...]:
    delay = None if cost.first_token_seconds is None else 1000 * cost.first_token_seconds
    noise = fmt.NONE if cost.decoding_error is None else f"±{fmt.number(cost.decoding_error)} {cost.headline}"
    return (
        Cell(text=cost.eval, tone="strong"),
        Cell(text=cost.arm, tone="strong"),
        Cell(text=fmt.count(cost.answers)),
        Cell(text=fmt.count(cost.samples)),
        Cell(text=fmt.count(cost.tokens)),
        speed_cell(cost),
        Cell(text=fmt.fixed(delay)),
        Cell(text=noise),
    )
