"""What drawing a subset of the data again adds to the noise of training again.

Contract: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.record.record import Record
from bench.report.analysis.aligned.align import draws_by_arm
from bench.report.analysis.scores.results import Result
from bench.stats.noise.variance import draw_components


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawNoise:
    """One arm, whose data are drawn several times, on one measurand. Variances in squared units of the score; `None`
    where the two sources cannot be told apart."""

    arm: str
    measurand: str
    draws: int
    """Draws with a score."""
    draw_variance: float | None
    """Between draws."""
    seed_variance: float | None
    """Between the seeds of one draw."""


def draw_noise(record: Record, results: Mapping[tuple[str, str], Result]) -> tuple[DrawNoise, ...]:
    """In the order of the results; empty where every arm has one draw."""
    draws = draws_by_arm(record)
    return tuple(_noise(result, draws[arm]) for (arm, _), result in results.items() if arm in draws)


def _noise(result: Result, draws: tuple[int, ...]) -> DrawNoise:
    groups: dict[int, list[float]] = {}
    for draw, value in zip(draws, result.by_seed, strict=True):
        if value is not None:
            groups.setdefault(draw, []).append(value)
    parts = draw_components(list(groups.values()))
    return DrawNoise(
        arm=result.arm,
        measurand=result.measurand.name,
        draws=len(groups),
        draw_variance=parts.draw,
        seed_variance=parts.seed,
    )
