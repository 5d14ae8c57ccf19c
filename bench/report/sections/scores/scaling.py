"""Scores over the number of rows, where a suite asks for it by its arms."""

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.scaling import ScalingLine
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Figure, Paragraph, Section, Table, texts
from bench.report.sections.marks import score_cell


def scaling_section(comparison: Comparison) -> Section | None:
    """One row per eval and recipe, one column per size; `None` where no recipe has three sizes of one source."""
    lines = comparison.scaling
    if not lines:
        return None
    sizes = sorted({point.rows for line in lines for point in line.points})
    columns = (*texts("Eval", "Recipe"), *(Column(title=f"{fmt.count(size)} rows", right=True) for size in sizes))
    blocks: list[Block] = [
        Paragraph(text="Arms that differ only in the number of rows; means with 95% intervals.", tone="muted"),
        Table(columns=columns, rows=tuple(_row(comparison, line, sizes) for line in lines)),
    ]
    if "scaling" in comparison.plots:
        caption = "Score over the number of rows (logarithmic), with 95% intervals; the dashed line is the base."
        blocks.append(Figure(name="scaling", caption=caption))
    return Section(title="Score over rows", blocks=tuple(blocks))


def _row(comparison: Comparison, line: ScalingLine, sizes: list[int]) -> tuple[Cell, ...]:
    scores = {point.rows: score_cell(comparison.results[point.arm, line.measurand.name]) for point in line.points}
    return (
        Cell(text=line.measurand.name, tone="strong"),
        Cell(text=line.recipe),
        *(scores.get(size, Cell(text="", tone="muted")) for size in sizes),
    )
