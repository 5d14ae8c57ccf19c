"""The board as a view: runs, arms, and each suite's history with its noise."""

from collections import Counter
from collections.abc import Iterator

from bench.report.analysis.across.compare_runs import ScoreShift
from bench.report.board.history import Board, BoardRun, RunStep, SuiteHistory
from bench.report.plots.canvas import numbered
from bench.report.plots.lines import Frame, Series, line_panel
from bench.report.render import format as fmt
from bench.report.render.drawing import Drawing, Panel
from bench.report.render.view import (
    Block,
    Bullets,
    Cell,
    Column,
    Figure,
    Paragraph,
    Section,
    Table,
    View,
    numbers,
    texts,
)
from bench.report.sections.marks import COUNTED, READINGS, TONES, contrast_cell

_MOST_REASONS = 4
_ACROSS = (
    "Scores of different suites are of other examples and cannot be compared; within a suite, runs can be where the "
    "evals, their examples, prompts and metrics are the same. Recipes, data, seeds, models and code may differ."
)


def compose_board(board: Board) -> tuple[View, dict[str, Drawing]]:
    """The view, and its drawings by name."""
    drawings = {_figure(history): _drawing(history) for history in board.suites if len(history.runs) > 1}
    simulations = [run.comparison.run.simulation for run in board.runs if run.comparison.run.simulation]
    histories = [_history(history) for history in board.suites if len(history.runs) > 1]
    sections = [_runs(board), *histories, *_unread(board), _arms(board)]
    view = View(
        title=f"Board: {fmt.plural(len(board.runs), 'run')} of {fmt.plural(len(board.suites), 'suite')}",
        banner=f"Simulations are among the runs. {simulations[0]}" if simulations else None,
        question="What did each run answer, and what changed from run to run?",
        status=Cell(text=_ACROSS),
        complete=all(run.comparison.completeness.complete for run in board.runs),
        sections=tuple(sections),
    )
    return view, drawings


def _runs(board: Board) -> Section:
    titles = ("Run", "Suite", "Model", "Commit", "Made", "Claims", "Answer")
    rows = tuple(_run_row(run) for run in board.runs)
    return Section(title="Runs", blocks=(Table(columns=tuple(Column(title=title) for title in titles), rows=rows),))


def _run_row(run: BoardRun) -> tuple[Cell, ...]:
    comparison = run.comparison
    verdicts = Counter(claim.verdict.outcome for claim in comparison.claims)
    claims = ", ".join(f"{count} {outcome}" for outcome, count in verdicts.items()) or fmt.NONE
    lead = fmt.NONE if comparison.answer is None else comparison.answer.lead
    complete = comparison.completeness.complete
    return (
        Cell(text=run.name, tone="strong"),
        Cell(text=comparison.run.suite),
        Cell(text=fmt.listed(comparison.run.models)),
        Cell(text=run.commit),
        Cell(text=run.created[:16].replace("T", " ")),
        Cell(text=claims),
        Cell(text=lead if complete else f"INCOMPLETE. {lead}", tone="plain" if complete else "bad"),
    )


def _arms(board: Board) -> Section:
    """One row for each arm, eval and run: a page sorts and filters them."""
    columns = (*texts("Arm", "Suite", "Model", "Run", "Commit", "Eval"), *numbers("Score [95%]", "− base [95%]"))
    rows = tuple(row for run in board.runs for row in _arm_rows(run))
    return Section(title="Arms", blocks=(Table(columns=columns, rows=rows),))


def _arm_rows(run: BoardRun) -> Iterator[tuple[Cell, ...]]:
    comparison = run.comparison
    for arm in comparison.arms:
        base = comparison.bases.get(arm, arm)
        model = comparison.provenance.models.get(base)
        for measurand in comparison.measurands:
            result = comparison.results[arm, measurand.name]
            score = f"{fmt.number(result.value.mean)} {fmt.interval(result.value.low, result.value.high)}".rstrip()
            yield (
                Cell(text=arm, tone="strong"),
                Cell(text=comparison.run.suite),
                Cell(text=fmt.NONE if model is None else model.name),
                Cell(text=run.name),
                Cell(text=run.commit),
                Cell(text=measurand.name),
                Cell(text=score) if result.value.mean is not None else Cell(text=result.absent_word, tone="bad"),
                Cell(text="") if result.versus_base is None else contrast_cell(result.versus_base),
            )


def _history(history: SuiteHistory) -> Section:
    columns = texts("From", "To", "What changed")
    rows = tuple(
        (Cell(text=_label(step.first), tone="strong"), Cell(text=_label(step.second)), _changed(step))
        for step in history.steps
    )
    blocks: list[Block] = [
        Figure(
            name=_figure(history),
            caption="Scores of every arm, run by run, oldest first, with 95% intervals: a change inside them is noise. "
            "No line leads to a run that cannot be compared.",
        ),
        Table(columns=columns, rows=rows),
    ]
    shifts = [(step, shift) for step in history.steps for shift in step.changes if _is_resolved(shift)]
    if shifts:
        titles = (*texts("Arm", "Eval", "To run"), Column(title="Change", right=True))
        blocks.append(Table(columns=titles, rows=tuple(_shift_row(step, shift) for step, shift in shifts)))
    elif any(shift.reading == "unresolved" for step in history.steps for shift in step.changes):
        text = "Every change with a result is within the noise of examples and seeds: unclear."
        blocks.append(Paragraph(text=text, tone="muted"))
    return Section(title=f"History of {history.suite}", blocks=tuple(blocks))


def _label(run: BoardRun) -> str:
    return f"{run.name} ({run.commit})"


def _changed(step: RunStep) -> Cell:
    if step.refusals:
        more = len(step.refusals) - _MOST_REASONS
        reasons = "; ".join(step.refusals[:_MOST_REASONS]) + (f"; and {more} more" if more > 0 else "")
        return Cell(text=f"not comparable: {reasons}", tone="unsure")
    counts = Counter("from the same jobs" if s.same_jobs else COUNTED[s.reading] for s in step.changes)
    return Cell(text=", ".join(f"{count} {words}" for words, count in counts.items()))


def _is_resolved(shift: ScoreShift) -> bool:
    return not shift.same_jobs and shift.reading not in ("unresolved", "unknown")


def _shift_row(step: RunStep, shift: ScoreShift) -> tuple[Cell, ...]:
    delta = shift.delta
    ends = fmt.signed_interval(delta.low, delta.high)
    text = f"{fmt.signed(delta.estimate)} {ends}".rstrip()
    return (
        Cell(text=shift.arm, tone="strong"),
        Cell(text=shift.measurand.name),
        Cell(text=_label(step.second)),
        Cell(text=text, tone=TONES[shift.reading], note=READINGS[shift.reading]),
    )


def _unread(board: Board) -> list[Section]:
    if not board.unread:
        return []
    items = tuple(Cell(text=f"{path}: {reason}", tone="bad") for path, reason in board.unread)
    return [Section(title="Not on this board", blocks=(Bullets(items=items),))]


def _figure(history: SuiteHistory) -> str:
    return f"history of {history.suite}"


def _drawing(history: SuiteHistory) -> Drawing:
    """A panel for each eval, a line for each arm over the runs."""
    names = dict.fromkeys(m.name for run in history.runs for m in run.comparison.measurands)
    panels = [_panel(history, name) for name in names]
    return Drawing(panels=tuple(panel for panel in panels if panel is not None))


def _panel(history: SuiteHistory, name: str) -> Panel | None:
    arms = list(dict.fromkeys(arm for run in history.runs for arm in run.comparison.arms))
    series = [
        _series(history, name, arm, index, stretch)
        for index, arm in enumerate(arms)
        for stretch in _comparable_stretches(history)
    ]
    drawn = [entry for entry in series if entry.y]
    ticks = [float(number) for number in range(1, len(history.runs) + 1)]
    return line_panel(Frame(title=name, x_title="run, oldest first", x_ticks=ticks), drawn) if drawn else None


def _comparable_stretches(history: SuiteHistory) -> list[list[int]]:
    """Numbers of the runs, from 1: a stretch ends where the next run cannot be compared, and so does a line."""
    stretches = [[1]]
    for number, step in enumerate(history.steps, start=2):
        if step.refusals:
            stretches.append([])
        stretches[-1].append(number)
    return stretches


def _series(history: SuiteHistory, name: str, arm: str, index: int, stretch: list[int]) -> Series:
    results = [(number, history.runs[number - 1].comparison.results.get((arm, name))) for number in stretch]
    points = [(number, result.value) for number, result in results if result is not None]
    scored = [(number, value, value.mean) for number, value in points if value.mean is not None]
    return Series(
        name=arm,
        look=numbered(index, index),
        x=[float(number) for number, _, _ in scored],
        y=[mean for _, _, mean in scored],
        marks=True,
        low=[value.low for _, value, _ in scored],
        high=[value.high for _, value, _ in scored],
    )
