"""Which learning rate each sweep chose and what it chose from; what few-shot subjects had in their context."""

from __future__ import annotations

from bench.record.record import SweepRecord
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.sweeps import arm_sweeps, contexts
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Paragraph, Section, Table
from bench.report.sections.marks import FAILURES
from bench.suite.sweep import DEV, LearningRateSweep


def sweeps_section(comparison: Comparison) -> Section | None:
    """One row per arm and rate; `None` where every recipe has one rate."""
    sweeps = arm_sweeps(comparison.record)
    if not sweeps:
        return None
    columns = (
        Column(title="Arm"),
        Column(title="Learning rate", right=True),
        Column(title="Dev loss", right=True),
        Column(title="Chosen"),
        Column(title="Dev rows", right=True, detail=True),
        Column(title="Training rows", right=True, detail=True),
        Column(title="Tokens", right=True),
        Column(title="Seconds", right=True),
    )
    rows = tuple(_row(entry, chosen=entry.rate == sweep.chosen) for sweep in sweeps for entry in sweep.entries)
    blocks: list[Block] = [Paragraph(text=_about(comparison), tone="muted"), Table(columns=columns, rows=rows)]
    return Section(title="Learning rates", blocks=tuple(blocks))


def contexts_section(comparison: Comparison) -> Section | None:
    """The rows that few-shot subjects saw; `None` where no arm is one."""
    found = contexts(comparison.record)
    if not found:
        return None
    text = (
        "Few-shot arms train nothing: the base sees these rows of the arm's data before every question, drawn with the "
        "replicate's seed. At most half of the model's positions are theirs; longer rows are passed over. Evals "
        "without a template have no place for them and score the base."
    )
    columns = (
        Column(title="Subject"),
        Column(title="Rows", right=True),
        Column(title="Tokens", right=True),
        Column(title="Which", detail=True),
    )
    rows = tuple(
        (
            Cell(text=context.subject, tone="strong"),
            Cell(text=f"{len(context.rows)} of {context.asked}", tone="plain" if context.rows else "bad"),
            Cell(text=fmt.count(context.tokens)),
            Cell(text=", ".join(row.origin for row in context.rows)),
        )
        for context in found
    )
    return Section(title="Few-shot context", blocks=(Paragraph(text=text), Table(columns=columns, rows=rows)))


def _about(comparison: Comparison) -> str:
    suite = comparison.record.resolved.suite
    used = [suite.recipe[arm.recipe].learning_rate for arm in suite.expand()]
    named = sorted({rate.on for rate in used if isinstance(rate, LearningRateSweep) and rate.on != DEV})
    rows = "rows held out of the arm's own training data" if not named else f"rows of {fmt.listed(named)}"
    return (
        f"Each rate trained once, with seed {suite.seeds[0]}, and scored by the loss on {rows}, none of which an eval "
        "reads. The arm's trainings have the rate with the lowest loss."
    )


def _row(entry: SweepRecord, *, chosen: bool) -> tuple[Cell, ...]:
    result = entry.result
    head = (Cell(text=entry.arm, tone="strong"), Cell(text=f"{entry.rate:g}"))
    if result is None:
        failure = entry.job.failure
        reason = FAILURES["pending" if failure is None else failure.kind]
        return (*head, Cell(text=reason, tone="bad"), *[Cell(text=fmt.NONE, tone="muted")] * 5)
    loss = Cell(text="diverged", tone="bad") if result.loss is None else Cell(text=fmt.number(result.loss))
    return (
        *head,
        loss,
        Cell(text="chosen" if chosen else "", tone="good"),
        Cell(text=fmt.count(result.dev_rows)),
        Cell(text=fmt.count(result.training_rows)),
        Cell(text=fmt.count(result.tokens)),
        Cell(text=fmt.fixed(result.seconds)),
    )
