"""Scores: one panel per measurand, one row per arm."""

from collections.abc import Sequence

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.results import Result
from bench.report.plots.canvas import BASE, look
from bench.report.plots.rows import ArmRow, Guide, row_panel
from bench.report.render import format as fmt
from bench.report.render.drawing import Drawing, Panel
from bench.suite.tables.arms.arms import is_base


def scores_drawing(comparison: Comparison) -> Drawing:
    """One panel per measurand with a score, one row per arm; the base as a line with its interval as a band."""
    by_measurand = [
        (measurand, [comparison.results[arm, measurand.name] for arm in comparison.arms])
        for measurand in comparison.measurands
    ]
    return Drawing(
        panels=tuple(
            _panel(measurand, results)
            for measurand, results in by_measurand
            if any(result.value.mean is not None for result in results)
        )
    )


def _panel(measurand: Measurand, results: Sequence[Result]) -> Panel:
    base, guides = results[0].value, []
    if base.mean is not None:
        guides.append(Guide(value=base.mean, low=base.low, high=base.high))
    if measurand.chance:
        guides.append(Guide(value=measurand.chance, name="chance", dashed=True, needed=False))
    arms = [result.arm for result in results if not is_base(result.arm)]
    below = "" if measurand.higher_is_better else "lower is better"
    return row_panel(measurand.name, [_row(result, arms) for result in results], guides, below=below)


def _row(result: Result, arms: Sequence[str]) -> ArmRow:
    value = result.value
    interval = fmt.interval(value.low, value.high)
    return ArmRow(
        arm=result.arm,
        look=BASE if is_base(result.arm) else look(result.arm, arms),
        value=value.mean,
        low=value.low,
        high=value.high,
        says=f"{result.arm} {fmt.number(value.mean)} {interval}".rstrip(),
        number=fmt.number(value.mean),
        word=result.absent_word,
    )
