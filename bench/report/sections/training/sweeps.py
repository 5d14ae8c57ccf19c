"""Which setting each sweep chose, and the rows in the context of few-shot subjects."""

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.training.sweeps import ArmSweep, SweepTrial
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Paragraph, Section, Table, numbers
from bench.report.sections.marks import FAILURES
from bench.suite.tables.training.sweep import DEV, setting_label


def sweeps_section(comparison: Comparison) -> Section | None:
    """One row per arm and setting; `None` where no recipe has a sweep."""
    sweeps = comparison.sweeps
    if not sweeps:
        return None
    only_rates = all(list(trial.setting) == ["learning_rate"] for sweep in sweeps for trial in sweep.trials)
    title = "Learning rate" if only_rates else "Setting"
    columns = (
        Column(title="Arm"),
        *numbers(title, "Dev loss"),
        Column(title="Chosen"),
        Column(title="Dev rows", right=True, detail=True),
        Column(title="Training rows", right=True, detail=True),
        *numbers("Tokens", "Seconds in all"),
    )
    rows = tuple(_row(sweep, trial) for sweep in sweeps for trial in sweep.trials)
    blocks: list[Block] = [Paragraph(text=_about(sweeps), tone="muted"), Table(columns=columns, rows=rows)]
    return Section(title=f"{title}s", blocks=tuple(blocks))


def contexts_section(comparison: Comparison) -> Section | None:
    """The rows that few-shot subjects saw; `None` where no arm is one."""
    contexts = comparison.contexts
    if not contexts:
        return None
    text = (
        "Few-shot arms train nothing: the base sees these rows of the arm's data before every question, drawn with the "
        "replicate's seed. They fill at most half of the model's context; longer rows are skipped. Evals without a "
        "template cannot hold them and score the base."
    )
    columns = (Column(title="Subject"), *numbers("Rows", "Tokens"), Column(title="Which", detail=True))
    rows = tuple(
        (
            Cell(text=context.subject, tone="strong"),
            Cell(text=f"{len(context.rows)} of {context.asked}", tone="plain" if context.rows else "bad"),
            Cell(text=fmt.count(context.tokens)),
            Cell(text=", ".join(row.origin for row in context.rows)),
        )
        for context in contexts
    )
    return Section(title="Few-shot context", blocks=(Paragraph(text=text), Table(columns=columns, rows=rows)))


def _about(sweeps: tuple[ArmSweep, ...]) -> str:
    named = sorted({sweep.on for sweep in sweeps} - {DEV})
    rows = "rows held out of the arm's own training data" if not named else f"rows of {fmt.listed(named)}"
    return (
        f"Each setting was trained once, with seed {sweeps[0].seed}, and scored by the loss on {rows}; no eval reads "
        "these rows. The arm's trainings use the setting with the lowest loss."
    )


def _row(sweep: ArmSweep, trial: SweepTrial) -> tuple[Cell, ...]:
    head = (Cell(text=sweep.arm, tone="strong"), Cell(text=setting_label(trial.setting)))
    if trial.absent is not None:
        return (*head, Cell(text=FAILURES[trial.absent], tone="bad"), *[Cell(text=fmt.NONE, tone="muted")] * 5)
    loss = Cell(text="diverged", tone="bad") if trial.loss is None else Cell(text=fmt.number(trial.loss))
    return (
        *head,
        loss,
        Cell(text="chosen" if trial.setting == sweep.chosen else "", tone="good"),
        Cell(text=fmt.count(trial.dev_rows)),
        Cell(text=fmt.count(trial.training_rows)),
        Cell(text=fmt.count(trial.tokens)),
        Cell(text=fmt.fixed(trial.seconds)),
    )
