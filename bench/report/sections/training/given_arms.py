"""Weights that were trained elsewhere: where they come from."""

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.training.given_trainings import GivenTraining
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Column, Paragraph, Section, Table, texts


def given_section(comparison: Comparison) -> Section | None:
    """One row per training that was made elsewhere; `None` where there is none."""
    if not comparison.given:
        return None
    text = (
        "Trained elsewhere: this run knows neither the rows nor the cost. Every tensor of the files has its place in "
        "the base and none is missing."
    )
    columns = (
        *texts("Arm", "From"),
        Column(title="Parameters", right=True),
        Column(title="Names the base", detail=True),
        Column(title="SHA-256", detail=True),
    )
    rows = tuple(_row(weights) for weights in comparison.given)
    return Section(title="Given arms", blocks=(Paragraph(text=text, tone="muted"), Table(columns=columns, rows=rows)))


def _row(weights: GivenTraining) -> tuple[Cell, ...]:
    return (
        Cell(text=f"{weights.arm}#{weights.seed}", tone="strong"),
        Cell(text=weights.source),
        Cell(text=fmt.short_count(weights.parameters)),
        Cell(text=weights.named_base or fmt.NONE),
        Cell(text=weights.sha256[:12]),
    )
