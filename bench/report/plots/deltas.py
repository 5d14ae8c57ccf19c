"""Differences from the base and from the control: what is resolved is filled."""

from collections.abc import Callable, Sequence

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.results import Contrast, Result
from bench.report.plots.canvas import look
from bench.report.plots.rows import ArmRow, Guide, row_panel
from bench.report.render import format as fmt
from bench.report.render.drawing import Drawing, Panel
from bench.suite.tables.arms.arms import is_base

_RESOLVED = frozenset({"better", "worse", "higher", "lower"})


def deltas_drawing(comparison: Comparison) -> Drawing:
    """Differences from the base first, then from the control; a panel for each measurand that has one."""
    arms = [arm for arm in comparison.arms if not is_base(arm)]
    kinds: list[tuple[str, Callable[[Result], Contrast | None]]] = [
        ("base", lambda result: result.versus_base),
        ("control", lambda result: result.versus_control),
    ]
    panels = []
    for name, pick in kinds:
        for measurand in comparison.measurands:
            results = [comparison.results[arm, measurand.name] for arm in arms]
            if any((contrast := pick(result)) and contrast.delta.estimate is not None for result in results):
                panels.append(_panel(f"{measurand.name} − {name}", measurand, results, pick))
    return Drawing(panels=tuple(panels))


def _panel(
    title: str, measurand: Measurand, results: Sequence[Result], pick: Callable[[Result], Contrast | None]
) -> Panel:
    arms = [result.arm for result in results]
    rows = [_row(result, pick(result), arms) for result in results]
    return row_panel(title, rows, [Guide(value=0.0)], below="" if measurand.higher_is_better else "lower is better")


def _row(result: Result, contrast: Contrast | None, arms: Sequence[str]) -> ArmRow:
    delta = None if contrast is None else contrast.delta
    estimate = None if delta is None else delta.estimate
    low, high = (None if delta is None else delta.tested_interval) or (None, None)
    missing = "no pair scored" if result.value.mean is not None else result.absent_word
    return ArmRow(
        arm=result.arm,
        look=look(result.arm, arms),
        value=estimate,
        low=low,
        high=high,
        says=f"{result.arm} {fmt.signed(estimate)} {fmt.signed_interval(low, high)}".rstrip(),
        number="" if estimate is None else fmt.signed(estimate),
        word="control" if contrast is None else missing,
        filled=contrast is not None and contrast.reading in _RESOLVED,
    )
