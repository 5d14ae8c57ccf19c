"""Proof that each training was applied: what its subject, as evaluated, changes of the base."""

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.training.applied import AppliedTraining, GroupUpdate, Update
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Column, Paragraph, Section, Table


def applied_section(comparison: Comparison) -> Section | None:
    """One row per training, and one per layer group of each arm's first; `None` where nothing was measured."""
    measured = [row for row in comparison.applied if row.applied is not None]
    if not measured:
        return None
    rows = max(row.applied.rows for row in measured if row.applied is not None)
    text = (
        "Each subject as evals load it, held against its base. Changed: matrices that differ, of those that the "
        "training was to change. Update: norm of the difference over the norm of the base's weights. Effective rank: "
        "in how many directions, from the lowest of the layers to the highest. KL and top-1: "
        f"divergence of the next token from the base's, and share of positions with another most likely one, on "
        f"{rows} fixed questions. Loss: of one batch (the arm's own rows where they are known), base → as trained → "
        "as evaluated, in nats per token."
    )
    held_out = any(row.held_out is not None for row in measured)
    if held_out:
        text += " Held out: KL and top-1 on the first rows of the suite's held-out loss."
    further = ("KL, held out", "Top-1, held out") if held_out else ()
    titles = ("Arm", "Changed", "Update", "Effective rank", "KL", "Top-1 changed", *further, "Loss")
    columns = tuple(Column(title=title, right=place > 0) for place, title in enumerate(titles))
    trainings = tuple(_row(row, row.applied, held_out=held_out) for row in measured if row.applied is not None)
    return Section(
        title="What was applied",
        blocks=(
            Paragraph(text=text, tone="muted"),
            Table(columns=columns, rows=trainings),
            *_by_group(measured),
        ),
    )


def _held_out(row: AppliedTraining, *, shown: bool) -> tuple[Cell, ...]:
    """KL and changed top-1 on the suite's held-out rows, where some training has them."""
    drift = row.held_out
    if not shown:
        return ()
    return (
        Cell(text=fmt.number(None if drift is None else drift.kl)),
        Cell(text=fmt.percent(None if drift is None else drift.changed_top)),
    )


def _row(row: AppliedTraining, applied: Update, *, held_out: bool) -> tuple[Cell, ...]:
    changed = fmt.NONE if row.with_effect is None else f"{row.with_effect:,} of {applied.expected:,}"
    return (
        Cell(text=f"{row.arm}#{row.seed}", tone="strong"),
        Cell(text=changed, tone="bad" if applied.without_effect else "plain"),
        Cell(text=fmt.NONE if applied.relative_norm is None else fmt.percent(applied.relative_norm, digits=2)),
        Cell(text=_rank(applied)),
        Cell(text=fmt.number(applied.kl), tone="bad" if applied.same_as_base else "plain"),
        Cell(text=fmt.percent(applied.changed_top)),
        *_held_out(row, shown=held_out),
        Cell(text=_loss(row), tone="plain" if row.as_trained else "bad"),
    )


def _rank(applied: Update) -> str:
    """Range over the layer groups."""
    ranks = [group.effective_rank for group in applied.groups if group.effective_rank is not None]
    if not ranks:
        return fmt.NONE
    low, high = (fmt.number(rank) for rank in (min(ranks), max(ranks)))
    return low if low == high else f"{low} to {high}"


def _loss(row: AppliedTraining) -> str:
    check = row.check
    if check is None:
        return fmt.NONE
    return " → ".join(fmt.number(loss) for loss in (check.base, check.as_trained, check.as_evaluated))


def _by_group(measured: list[AppliedTraining]) -> tuple[Table, ...]:
    """Layer groups of each arm's first training; none where no weights differ by name."""
    first = {row.arm: row.applied for row in reversed(measured) if row.applied is not None and row.applied.groups}
    rows = tuple(_group_row(arm, group) for arm, applied in reversed(first.items()) for group in applied.groups)
    titles = ("Arm", "Layers", "Changed", "Norm", "Update", "Effective rank")
    columns = tuple(Column(title=title, right=place > 1, detail=True) for place, title in enumerate(titles))
    summary = f"{fmt.plural(len(rows), 'group')} of layers"
    return (Table(columns=columns, rows=rows, summary=summary),) if rows else ()


def _group_row(arm: str, group: GroupUpdate) -> tuple[Cell, ...]:
    rank = group.effective_rank
    return (
        Cell(text=arm),
        Cell(text=group.name),
        Cell(text=f"{group.changed:,} of {group.matrices:,}"),
        Cell(text=fmt.number(group.norm)),
        Cell(text=fmt.percent(group.relative_norm, digits=2)),
        Cell(text=fmt.NONE if rank is None else fmt.number(rank)),
    )
