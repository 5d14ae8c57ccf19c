"""Examples that are in training rows: how many, and the differences without them."""

from __future__ import annotations

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.contamination import Cleaned, Contaminated, Contamination
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Paragraph, Section, Table


def contamination_section(comparison: Comparison) -> Section | None:
    """What was compared, what was found, and each affected difference twice; `None` where nothing was compared."""
    found = comparison.contamination
    if not found.checked:
        return None
    blocks: list[Block] = [Paragraph(text=_how(found)), _checked(found)]
    if found.arms:
        blocks.append(_differences(found))
    return Section(title="Contamination", blocks=tuple(blocks), only="document")


def _how(found: Contamination) -> str:
    said = (
        f"An example is contaminated if {found.ngram} consecutive words of it are in one training row; a shorter "
        f"example, if all of it is. Examples of fewer than {fmt.plural(found.shortest, 'word')} are not checked."
    )
    if not any(one.found for one in found.checked):
        judged = sum(one.judged for one in found.checked)
        return f"{said} " + ("None was found." if judged else "Every example is shorter.")
    return f"{said} All rows of the data are searched, also those that the budget did not reach."


def _checked(found: Contamination) -> Table:
    columns = (
        Column(title="Training data"),
        Column(title="Eval"),
        Column(title="Examples", right=True),
        Column(title="Too short", right=True),
        Column(title="Contaminated", right=True),
    )
    rows = tuple(
        (
            Cell(text=one.data, tone="strong"),
            Cell(text=one.eval),
            Cell(text=fmt.count(one.examples)),
            Cell(text=fmt.count(one.examples - one.judged)),
            Cell(text=_share(one.found, one.examples), tone="bad" if one.found else "plain"),
        )
        for one in found.checked
    )
    return Table(columns=columns, rows=rows)


def _differences(found: Contamination) -> Table:
    columns = (
        Column(title="Arm"),
        Column(title="Eval"),
        Column(title="− base, all", right=True),
        Column(title="− base, without", right=True),
        Column(title="− control, all", right=True),
        Column(title="− control, without", right=True),
    )
    return Table(columns=columns, rows=tuple(_row(one) for one in found.arms))


def _row(one: Contaminated) -> tuple[Cell, ...]:
    return (
        Cell(text=one.arm, tone="strong"),
        Cell(text=one.measurand),
        *_twice(one.versus_base),
        *_twice(one.versus_control),
    )


def _twice(cleaned: Cleaned | None) -> tuple[Cell, Cell]:
    if cleaned is None:
        return Cell(text=fmt.NONE, tone="muted"), Cell(text=fmt.NONE, tone="muted")
    texts = [
        f"{fmt.signed(delta.estimate)} {fmt.signed_interval(delta.low, delta.high)}".rstrip()
        if delta.estimate is not None
        else "no example left"
        for delta in (cleaned.all, cleaned.clean)
    ]
    return Cell(text=texts[0]), Cell(text=texts[1])


def _share(found: int, examples: int) -> str:
    return f"{found:,} ({fmt.percent(found / examples)})" if found and examples else fmt.count(found)
