"""Every metric of every task and group of tasks, as the evals gave them: without intervals, for reference."""

from bench.report.analysis.comparison import Comparison
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Column, Paragraph, Section, Table


def metrics_section(comparison: Comparison) -> Section | None:
    """One row per metric, one column per arm, means over seeds; `None` where nothing was measured."""
    values = {(metric.arm, metric.eval, metric.task, metric.metric): metric.value for metric in comparison.metrics}
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
