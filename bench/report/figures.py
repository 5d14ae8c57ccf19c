"""Which plots a report has, and whether one on disk is the one that would be drawn.

Each plot carries a hash of what it shows, of the drawing code and of the library that draws.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import asdict
from pathlib import Path

from bench.digest import digest_code, digest_json
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.results import Contrast
from bench.report.analysis.scaling import ScalingLine, scaling_lines
from bench.stats.frontier import Point

_HEAD_BYTES = 4096


def planned(comparison: Comparison) -> tuple[str, ...]:
    """Names of the plots that have something to show."""
    results = comparison.results.values()
    contrasts = [c for result in results for c in (result.versus_base, result.versus_control) if c is not None]
    trained = [training.result for training in comparison.record.trainings if training.result is not None]
    has = {
        "scores": any(result.value.mean is not None for result in results),
        "deltas": any(contrast.delta.estimate is not None for contrast in contrasts),
        "loss": any(step.loss is not None for result in trained for step in result.steps),
        "tradeoff": any(_drawable(point) for tradeoff in comparison.tradeoffs for point in tradeoff.points),
    }
    has["scaling"] = any(point.result.value.mean is not None for line in _scaling(comparison) for point in line.points)
    return tuple(name for name, there in has.items() if there)


def _scaling(comparison: Comparison) -> tuple[ScalingLine, ...]:
    return scaling_lines(comparison.record, comparison.measurands, comparison.results)


def plots_stamp(comparison: Comparison) -> str:
    """Hash of all figures that the plots show, of this layer's code, and of the library that draws."""
    shown = [
        [
            result.arm,
            result.measurand.name,
            result.measurand.chance,
            [result.value.mean, result.value.low, result.value.high],
            _contrast(result.versus_base),
            _contrast(result.versus_control),
        ]
        for result in comparison.results.values()
    ]
    curves = [
        [
            training.arm,
            training.seed,
            [[step.tokens, step.loss] for step in training.result.steps],
            [[point.step, point.loss] for point in training.result.validation],
        ]
        for training in comparison.record.trainings
        if training.result is not None
    ]
    traded = [
        [
            one.measurand.name,
            one.cost.name,
            [[asdict(point), one.standings[point.name].standing] for point in one.points],
        ]
        for one in comparison.tradeoffs
    ]
    scaled = [
        [line.measurand.name, line.recipe, [[point.rows, point.result.arm] for point in line.points]]
        for line in _scaling(comparison)
    ]
    return digest_json([shown, curves, traded, scaled, digest_code("report"), importlib.metadata.version("matplotlib")])


def _drawable(point: Point) -> bool:
    """Trained, with both figures."""
    return point.quality is not None and point.cost is not None and point.cost.value > 0


def is_current(file: Path, stamp: str) -> bool:
    """Whether the SVG is there and carries the stamp."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return stamp.encode() in opened.read(_HEAD_BYTES)


def _contrast(contrast: Contrast | None) -> list[object] | None:
    if contrast is None:
        return None
    return [contrast.reference, contrast.reading, contrast.delta.estimate, contrast.delta.low, contrast.delta.high]
