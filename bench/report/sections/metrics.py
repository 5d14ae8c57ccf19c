"""Every metric of every task and group of tasks, as the evals gave them: without intervals, for reference."""

from __future__ import annotations

from statistics import fmean

from bench.report.analysis.align import subjects
from bench.report.analysis.comparison import Comparison
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Column, Paragraph, Section, Table


def metrics_section(comparison: Comparison) -> Section | None:
    """One row per metric, one column per arm, means over seeds; `None` where nothing was measured."""
    values = _values(comparison)
    names = list(dict.fromkeys(key[1:] for key in values))
    if not names:
        return None
    columns = (Column(title="Eval, task, metric"), *(Column(title=arm, right=True) for arm in comparison.arms))
    rows = tuple(
        (
            Cell(text=" · ".join(dict.fromkeys(name))),
            *(Cell(text=fmt.number(values.get((arm, *name)))) for arm in comparison.arms),
        )
        for name in names
    )
    intro = Paragraph(text="As the evals gave them; means over seeds; nothing here is compared.", tone="muted")
    return Section(title="Every metric", blocks=(intro, Table(columns=columns, rows=rows)), only="document")


def _values(comparison: Comparison) -> dict[tuple[str, str, str, str], float]:
    """By arm, eval, task or group, and metric."""
    arm_of = {subject: arm for arm, names in subjects(comparison.record).items() for subject in names}
    found: dict[tuple[str, str, str, str], list[float]] = {}
    for evaluation in comparison.record.evaluations:
        if evaluation.result is None or evaluation.subject not in arm_of:
            continue
        measured = [(one.task, one.metric, one.value) for one in evaluation.result.measures]
        grouped = [(f"{one.group}, mean over {one.by}", one.metric, one.value) for one in evaluation.result.groups]
        for task, metric, value in (*grouped, *measured):
            if value is not None:
                found.setdefault((arm_of[evaluation.subject], evaluation.eval, task, metric), []).append(value)
    return {key: fmean(values) for key, values in found.items()}
