"""Every seed's own score, arm by arm, and whether arms move together by seed number."""

from collections.abc import Sequence

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.seed_table import SeedTable
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Paragraph, Section, Table

TEXT = (
    "Arms that are trained on the same rows, in the same order, may be high or low with the same seeds. The p-value is "
    "that of the seeds in a two-way analysis of variance, uncorrected for the number of evals; what is paired does not "
    "depend on it."
)
PAIRED = (
    "Differences between {groups} are taken seed by seed: these arms share rows, order and draws. Those of {but} are "
    "not. {condition}All other "
    "differences take the seeds of two arms as independent draws; where these move together, an interval is wider "
    "than it need be, not narrower."
)
FEW_PAIRS = (
    "With no more than six degrees of freedom in all, their 95% intervals of right-or-wrong scores cover 93.6 to 93.8% "
    "in simulations. "
)
FEW_DEGREES = 6
INDEPENDENT = (
    "All differences take the seeds of two arms as independent draws: fewer than three pairs of arms share rows, too "
    "few to say how noisy their differences are. Where arms move together, an interval is wider than it need be, not "
    "narrower."
)


def seeds_section(comparison: Comparison) -> Section | None:
    """One table per eval; `None` where training was not repeated."""
    if not comparison.seed_tables:
        return None
    blocks: list[Block] = [Paragraph(text=f"{TEXT} {_pairing(comparison.seed_tables)}", tone="muted")]
    blocks += [_table(table) for table in comparison.seed_tables]
    return Section(title="Scores by seed", blocks=tuple(blocks), only="document")


def _pairing(tables: Sequence[SeedTable]) -> str:
    """Which seeds are paired, and that no others are."""
    paired = next((table for table in tables if table.paired), None)
    if paired is None:
        return INDEPENDENT
    named = "; ".join(" and ".join(group) for group in paired.paired)
    corpus = [table.measurand for table in tables if not table.paired]
    but = fmt.listed([*corpus, "quality per cost"])
    condition = FEW_PAIRS if paired.paired_degrees <= FEW_DEGREES else ""
    return PAIRED.format(groups=named, but=but, condition=condition)


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
