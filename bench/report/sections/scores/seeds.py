"""Every seed's own score, arm by arm, and whether arms move together by seed number."""

from __future__ import annotations

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.seed_table import SeedTable
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Paragraph, Section, Table

TEXT = (
    "Arms that are trained on the same rows, in the same order, may be high or low with the same seeds. The p-value is "
    "that of the seeds in a two-way analysis of variance, uncorrected for the number of evals. Differences take the "
    "seeds of two arms as independent draws, whatever it shows: where arms move together, an interval is wider than "
    "it need be, not narrower."
)


def seeds_section(comparison: Comparison) -> Section | None:
    """One table per eval; `None` where training was not repeated."""
    if not comparison.seed_tables:
        return None
    blocks: list[Block] = [Paragraph(text=TEXT, tone="muted")]
    blocks += [_table(table) for table in comparison.seed_tables]
    return Section(title="Scores by seed", blocks=tuple(blocks), only="document")


def _table(table: SeedTable) -> Table:
    together = "" if table.together_p is None else f" (by seed: p = {fmt.p_value(table.together_p)})"
    columns = (
        Column(title=f"{table.measurand}{together}"),
        *(Column(title=f"Seed {seed}", right=True) for seed in table.seeds),
    )
    rows = tuple(
        (Cell(text=arm, tone="strong"), *(Cell(text=fmt.number(value)) for value in scores))
        for arm, scores in table.scores.items()
    )
    return Table(columns=columns, rows=rows)
