"""The claims' differences, each beside what it asks: one panel for each eval that claims are about."""

from collections import Counter
from collections.abc import Sequence

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.plots.canvas import look
from bench.report.plots.rows import ArmRow, Guide, row_panel
from bench.report.render import format as fmt
from bench.report.render.drawing import Drawing, Panel
from bench.stats.conclusions.claim_types import DECIDED
from bench.suite.tables.arms.arms import is_base

_POINTS = 100.0
"""Points of a share: the panel has the unit of the sentences above it."""


def claims_drawing(comparison: Comparison) -> Drawing:
    """A panel for each eval and margin, a row for each claim; filled where it is decided."""
    compared = [r for r in comparison.claims if r.delta is not None and r.delta.estimate is not None]
    groups: dict[tuple[str, float, str], list[ClaimResult]] = {}
    for result in compared:
        groups.setdefault((result.claim.measure, result.claim.margin, result.claim.parts()[1]), []).append(result)
    asked = Counter((measure, relation) for measure, _, relation in groups)
    return Drawing(
        panels=tuple(
            _panel(comparison, results, _title(results[0], alone=asked[measure, relation] == 1))
            for (measure, _, relation), results in groups.items()
        )
    )


_ASKED = {">=": "Not worse", ">": "Better", "==": "Equal"}


def _title(result: ClaimResult, *, alone: bool) -> str:
    """`Not worse on qa?`; with the margin where another panel asks the same by another margin."""
    title = f"{_ASKED[result.claim.parts()[1]]} on {result.claim.measure}"
    return f"{title}?" if alone else f"{title}, margin {result.margin}?"


def _panel(comparison: Comparison, results: Sequence[ClaimResult], title: str) -> Panel:
    claim = results[0].claim
    measurand = next((entry for entry in comparison.measurands if entry.name == claim.on), None)
    higher = measurand is None or measurand.higher_is_better
    arms = [arm for arm in comparison.arms if not is_base(arm)]
    scale = _POINTS if measurand is not None and measurand.binary else 1.0
    rows = [_row(result, arms, scale) for result in results]
    asked = [Guide(value=scale * end, dashed=True) for end in _thresholds(results[0], higher=higher) if end != 0]
    below = f"asked: {results[0].asked}" + ("" if higher else "; lower is better")
    return row_panel(title, rows, [Guide(value=0.0), *asked], below=below)


def _thresholds(result: ClaimResult, *, higher: bool) -> tuple[float, ...]:
    """Where the claim's verdict changes, as a difference of left and right."""
    return result.thresholds if higher else tuple(-end for end in result.thresholds)


def _row(result: ClaimResult, arms: Sequence[str], scale: float) -> ArmRow:
    left, relation, right = result.claim.parts()
    delta = result.delta
    assert delta is not None and delta.estimate is not None, "asked before"  # noqa: PT018  # one fact
    low, high = delta.tested_interval or (None, None)
    number = fmt.signed(delta.estimate) if scale == 1 else fmt.points(delta.estimate, signed=True)
    named = next((side for side in (left, right) if side in arms), arms[0])
    return ArmRow(
        arm=f"{left} {relation} {right}",
        look=look(named, arms),
        value=scale * delta.estimate,
        low=None if low is None else scale * low,
        high=None if high is None else scale * high,
        says=f"{result.claim.says}: {result.seen or number}, {result.verdict.outcome}",
        number=number,
        filled=result.verdict.outcome in DECIDED,
    )
