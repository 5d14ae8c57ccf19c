"""What the base got right and training lost, and the other way round, with both answers."""

from bench.report.analysis.answers.flips import Flip, FlipCount, Flips
from bench.report.analysis.comparison import Comparison
from bench.report.render import format as fmt
from bench.report.render.escape import shorten
from bench.report.render.view import Block, Cell, Column, Paragraph, Section, Table, numbers, texts

_LONG = 200


def flips_section(comparison: Comparison) -> Section | None:
    """Counts by arm and eval, and the drawn few; `None` without any right-or-wrong score."""
    flips = comparison.flips
    if not flips.counts:
        return None
    blocks: list[Block] = [
        Paragraph(
            text="Gained: examples that are wrong before training and right after, with one seed at least; lost: the "
            f"other way round; and how many are so with every seed. {_where(flips)}"
        ),
        _counts(flips.counts),
    ]
    if flips.shown:
        blocks.append(Paragraph(text="Some of them, drawn by the run's digest:"))
        blocks.append(_shown(flips.shown))
    return Section(title="Flips", blocks=tuple(blocks), only="document")


def _where(flips: Flips) -> str:
    if flips.file is None:
        return "Prompts and answers are left out of this copy."
    return f"Those of each training are in {flips.file}, {fmt.plural(flips.total, 'line')}."


def _counts(counts: tuple[FlipCount, ...]) -> Table:
    columns = (
        *texts("Eval", "Arm"),
        *numbers("Examples", "Gained", "Lost", "Gained with every seed", "Lost with every seed"),
    )
    rows = tuple(
        (
            Cell(text=count.measurand),
            Cell(text=count.arm, tone="strong"),
            Cell(text=fmt.count(count.examples)),
            Cell(text=fmt.count(count.gained)),
            Cell(text=fmt.count(count.lost)),
            Cell(text=fmt.count(count.always_gained) if count.seeds > 1 else fmt.NONE),
            Cell(text=fmt.count(count.always_lost) if count.seeds > 1 else fmt.NONE),
        )
        for count in counts
    )
    return Table(columns=columns, rows=rows)


def _shown(flips: tuple[Flip, ...]) -> Table:
    columns = tuple(Column(title=title) for title in ("Flip", "Question", "Expected", "Base's answer", "Arm's answer"))
    rows = tuple(
        (
            Cell(text=f"{flip.direction}: {flip.eval}, {flip.id}, {flip.subject}"),
            _text(flip.question),
            _text(flip.target),
            _text(flip.base_output),
            _text(flip.output),
        )
        for flip in flips
    )
    return Table(columns=columns, rows=rows)


def _text(text: str | None) -> Cell:
    if text is None:
        return Cell(text=fmt.NONE, tone="muted")
    return Cell(text=shorten(text.strip() or "(empty)", _LONG))
