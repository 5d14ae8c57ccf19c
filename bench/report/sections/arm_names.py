"""What the names of the arms stand for: rows and control, before the first table that has them."""

from bench.report.analysis.comparison import Comparison
from bench.report.render import format as fmt
from bench.report.render.view import Paragraph
from bench.suite.resolved import ResolvedData
from bench.suite.tables.data import Select

_MOST_NAMED = 6
_TAKEN = {"random": ", drawn at random", "diverse": ", the most diverse", "first": ", the first ones"}


def arm_names(comparison: Comparison) -> list[Paragraph]:
    """One paragraph; none where no arm is trained on rows of this run."""
    origin = comparison.provenance
    used = [name for name in origin.data if any(arm.startswith(f"{name}/") for arm in comparison.arms)]
    if not used:
        return []
    told = [f"{name} is {_rows(origin.data[name], origin.selected.get(name))}" for name in used[:_MOST_NAMED]]
    more = len(used) - _MOST_NAMED
    parts = ["An arm is named data/recipe.", f"{'; '.join(told)}{f'; {more} more data' if more > 0 else ''}."]
    controls = list(
        dict.fromkeys(
            result.versus_control.reference
            for result in comparison.results.values()
            if result.versus_control is not None
        )
    )
    if controls:
        several = "are controls" if len(controls) > 1 else "is the control"
        parts.append(f"{fmt.listed(controls)} {several}: what other arms are compared with beside the base.")
    return [Paragraph(text=" ".join(parts), tone="muted", only="document")]


def _rows(data: ResolvedData, select: Select | None) -> str:
    """`1,000 of 52,002 rows of tatsu-lab/alpaca, drawn at random 3 times, for each seed in turn another draw`."""
    if data.unavailable is not None:
        return f"unavailable: {data.unavailable.what}"
    of = "" if data.rows == data.source_rows or select is None else f" of {data.source_rows:,}"
    how = "" if select is None else _TAKEN.get(select.by, f", taken by {select.by}")
    draws = 0 if select is None else len(set(select.seeds))
    again = f" {draws} times, for each seed in turn another draw" if draws > 1 else ""
    source = data.source.rpartition("/")[2] if data.source.startswith(("/", "~")) else data.source
    return f"{data.rows:,}{of} rows of {source}{how}{again}"
