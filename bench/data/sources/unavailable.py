"""Tables that cannot be built while a source is unavailable, and their placeholders.

Contract: the tables that remain come out as they would with every source there. So a table is absent whose source is,
that takes its rows or its size from an absent one, or that trains and would have to be kept free of evaluation rows
that nobody has seen.
"""

from collections.abc import Mapping, Sequence

from bench.digest import digest_json
from bench.suite.resolved import ResolvedData, Unavailable
from bench.suite.tables.data import DataSpec


def absent(
    order: Sequence[str], specs: Mapping[str, DataSpec], away: Mapping[str, Unavailable]
) -> dict[str, Unavailable]:
    """Every absent table with the reason. `order`: in which tables are taken; `away`: those whose source is."""
    reasons: dict[str, Unavailable] = {}
    unseen: Unavailable | None = None
    for name in order:
        spec = specs[name]
        need = next((need for need in spec.needs if need in reasons), None)
        if name in away:
            reasons[name] = away[name]
        elif need is not None:
            reasons[name] = _because(f"it needs data {need!r}", reasons[need])
        elif unseen is not None and spec.mix is None and not evaluates(name):
            reasons[name] = _because("rows held out for evaluation, which it must be free of, are not known", unseen)
        if name in reasons and holds_out(name, spec):
            unseen = unseen or reasons[name]
    return reasons


def absent_rows(name: str, spec: DataSpec, why: Unavailable) -> ResolvedData:
    """What stands for an absent table: no rows, and a hash that no rows have."""
    return ResolvedData(
        name=name,
        source=spec.label,
        revision=spec.revision,
        rows=0,
        source_rows=0,
        dropped={},
        sha256=digest_json({"absent": spec.model_dump(mode="json")}),
        path="",
        unavailable=why,
    )


def evaluates(name: str) -> bool:
    """Whether a table is an eval's own."""
    return name.startswith("eval:")


def holds_out(name: str, spec: DataSpec) -> bool:
    """Whether the rows of a table are kept out of those that are taken after it and train."""
    return evaluates(name) or spec.select.by == "holdout"


def _because(reason: str, why: Unavailable) -> Unavailable:
    return why.model_copy(update={"what": f"{reason}: {why.what}"})
