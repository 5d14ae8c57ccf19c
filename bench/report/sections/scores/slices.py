"""Scores by the values of a column of the rows, and what counting these values as clusters would do to the noise."""

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.slices import Slices
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Paragraph, Section, Table, numbers

TEXT = (
    "Means over the examples with each value and over seeds; an example may have several values. Descriptive: nothing "
    "here is tested. Standard errors are of the difference from the base, with the clusters of the eval and with the "
    "values as clusters: where the second is larger, examples of one value succeed and fail together."
)


def slices_section(comparison: Comparison) -> Section | None:
    """Two tables per measurand and column; `None` where no suite asks for one."""
    if not comparison.slices:
        return None
    blocks: list[Block] = [Paragraph(text=TEXT, tone="muted")]
    for slices in comparison.slices:
        blocks += [_values(slices, comparison.arms), *_noise(slices)]
    return Section(title="Results by column", blocks=tuple(blocks), only="document")


def _values(slices: Slices, arms: tuple[str, ...]) -> Table:
    columns = (
        Column(title=f"{slices.measurand} by {slices.column}"),
        Column(title="Examples", right=True),
        *(Column(title=arm, right=True) for arm in arms),
    )
    rows = tuple(
        (
            Cell(text=value.value, tone="strong"),
            Cell(text=fmt.count(value.examples)),
            *(Cell(text=fmt.number(value.scores.get(arm))) for arm in arms),
        )
        for value in slices.values
    )
    return Table(columns=columns, rows=rows)


def _noise(slices: Slices) -> list[Block]:
    if not slices.noise:
        return []
    columns = (
        Column(title=f"{slices.measurand} − base"),
        *numbers("Standard error", f"With {slices.column} as clusters"),
    )
    rows = tuple(
        (
            Cell(text=noise.arm, tone="strong"),
            Cell(text=fmt.number(noise.standard_error)),
            Cell(text=fmt.number(noise.clustered_error)),
        )
        for noise in slices.noise
    )
    return [Table(columns=columns, rows=rows)]
