"""Scores over the number of rows: arms that differ in nothing but how many rows of one source they have.

Contract: pure. Only data that takes all rows of its source, the first, or a random draw counts: where rows were chosen
by what they are, their number is not all that differs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.record.record import Record
from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.run_facts.subjects import planned_arms
from bench.report.analysis.scores.results import Result
from bench.stats.estimates.single import Estimate

FEWEST_SIZES = 3
"""Two points are a difference, and have their table already."""
_BY_NUMBER = frozenset({"all", "first", "random"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePoint:
    """One arm on one measurand. rows: of the arm's data."""

    arm: str
    rows: int
    value: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingLine:
    """One recipe (with one model) on one measurand, by ascending number of rows."""

    measurand: Measurand
    recipe: str
    """With its model, where the suite has several."""
    points: tuple[SizePoint, ...]


def scaling_lines(
    record: Record, measurands: tuple[Measurand, ...], results: Mapping[tuple[str, str], Result]
) -> tuple[ScalingLine, ...]:
    """By measurand, then by recipe, in the suite's order; empty where no recipe has three sizes of one source."""
    groups: dict[tuple[str, str], dict[int, str]] = {}
    suite, data = record.resolved.suite, record.resolved.data
    for arm in (arm for arm in planned_arms(record) if not arm.is_given and arm.deployed is None):
        spec = suite.data[arm.data]
        plain = spec.mix is None and spec.length is None and spec.dedup == "none"
        if plain and spec.select.by in _BY_NUMBER:
            resolved = data[arm.data]
            if resolved.unavailable is not None:
                continue  # nobody knows how many rows it has
            groups.setdefault((arm.recipe + arm.suffix, resolved.source), {}).setdefault(resolved.rows, arm.name)
    lines = {key: sizes for key, sizes in groups.items() if len(sizes) >= FEWEST_SIZES}
    return tuple(
        ScalingLine(
            measurand=measurand,
            recipe=recipe,
            points=tuple(
                SizePoint(arm=sizes[rows], rows=rows, value=results[sizes[rows], measurand.name].value)
                for rows in sorted(sizes)
            ),
        )
        for measurand in measurands
        for (recipe, _), sizes in lines.items()
    )
