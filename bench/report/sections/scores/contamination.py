"""Examples that are in training rows: how many, and the differences without them."""

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.contamination import Checked, Cleaned, Contaminated, Contamination
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Paragraph, Section, Table, numbers, texts


def contamination_section(comparison: Comparison) -> Section | None:
    """What was compared, what was found, and each affected difference twice; `None` where nothing was compared."""
    contamination = comparison.contamination
    if not contamination.checked:
        return None
    how = _how(contamination)
    if comparison.kept_steps or comparison.reached:
        how += " Dev examples, which chose steps or reached a target, are not searched for."
    blocks: list[Block] = [Paragraph(text=how)]
    if any(check.found for check in contamination.checked) or not _each_with_each(contamination):
        blocks.append(_checked(contamination))
    if contamination.arms:
        blocks.append(_differences(contamination))
    return Section(title="Contamination", blocks=tuple(blocks), only="document")


def _how(contamination: Contamination) -> str:
    said = (
        f"An example is contaminated if {contamination.ngram} consecutive words of it are in one training row; a "
        "shorter example, if all of it is. Examples of fewer than "
        f"{fmt.plural(contamination.shortest, 'word')} are not checked."
    )
    if not any(check.found for check in contamination.checked):
        judged = any(check.judged for check in contamination.checked)
        none = f"None was found{_pairs(contamination)}."
        return f"{said} {none if judged else 'Every example is shorter.'}"
    return f"{said} All rows of the data are searched, also those that the budget did not reach."


def _each_with_each(contamination: Contamination) -> bool:
    """Whether a sentence can name what was searched: each eval's examples in all of the data."""
    data, evals = ({getattr(check, name) for check in contamination.checked} for name in ("data", "eval"))
    return len(contamination.checked) == len(data) * len(evals)


def _pairs(contamination: Contamination) -> str:
    """`, in rows of a and b, of qa (60 examples, 10 too short)`: what was searched, where no table says it."""
    if not _each_with_each(contamination):
        return ""
    data = list(dict.fromkeys(check.data for check in contamination.checked))
    evals = {
        check.eval: f"{check.eval} ({fmt.plural(check.examples, 'example')}, {check.too_short:,} too short)"
        for check in contamination.checked
    }
    return f", in rows of {fmt.listed(data)}, of {fmt.listed(list(evals.values()))}"


def _checked(contamination: Contamination) -> Table:
    columns = (*texts("Training data", "Eval"), *numbers("Examples", "Too short", "Contaminated"))
    rows = tuple(
        (
            Cell(text=check.data, tone="strong"),
            Cell(text=check.eval),
            Cell(text=fmt.count(check.examples)),
            Cell(text=fmt.count(check.too_short)),
            Cell(text=_found(check), tone="bad" if check.found else "plain"),
        )
        for check in contamination.checked
    )
    return Table(columns=columns, rows=rows)


def _differences(contamination: Contamination) -> Table:
    columns = (
        *texts("Arm", "Eval"),
        *numbers("− base, all", "− base, without", "− control, all", "− control, without"),
    )
    return Table(columns=columns, rows=tuple(_row(affected) for affected in contamination.arms))


def _row(affected: Contaminated) -> tuple[Cell, ...]:
    return (
        Cell(text=affected.arm, tone="strong"),
        Cell(text=affected.measurand),
        *_twice(affected.versus_base),
        *_twice(affected.versus_control),
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


def _found(check: Checked) -> str:
    return f"{check.found:,} ({fmt.percent(check.found_share)})" if check.found else fmt.count(check.found)
