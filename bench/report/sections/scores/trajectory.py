"""Gain and forgetting over the steps of trainings, the steps that were kept, and what a target took."""

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.trajectory import Trajectory, TrajectoryPoint
from bench.report.analysis.training.kept_steps import KeptStep, Reached
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Figure, Paragraph, Section, Table, Tone, texts

_BAND = (
    "Difference from the base at each step. The intervals of a row hold for all its steps at once, at 95% (quantile of "
    "the largest error, whose steps are correlated), over examples and seeds. "
)
_ON = {
    "dev": "Scored on dev examples, which no score outside this section reads.",
    "test": "Best: the largest gain, which chance has helped; on other examples the same step scores less.",
}
_KEPT = (
    "Kept: the step whose weights all other scores of this report are of, chosen for each seed by its dev score. The "
    "test examples had no part in the choice. The dev score of a kept step is the best of several, which chance has "
    "helped; the arm's own score is not."
)
_REACHED = "To the first evaluated step whose dev score is the target or better; steps in between were not looked at."


def trajectory_section(comparison: Comparison) -> Section | None:
    """One table per training: a row per eval, a column per step; `None` where no step was scored."""
    names = tuple(dict.fromkeys(trajectory.name for trajectory in comparison.trajectories))
    if not names:
        return None
    on = dict.fromkeys(trajectory.on for trajectory in comparison.trajectories)
    blocks: list[Block] = [Paragraph(text=_BAND + " ".join(_ON[part] for part in on), tone="muted")]
    if "trajectory" in comparison.plots:
        caption = (
            "Difference from the base over the steps of each training, with bands that hold for all steps at once."
        )
        blocks.append(Figure(name="trajectory", caption=caption))
    blocks += [_table([row for row in comparison.trajectories if row.name == name]) for name in names]
    if comparison.kept_steps:
        blocks += [Paragraph(text=_KEPT, tone="muted"), _kept_table(comparison.kept_steps)]
    if comparison.reached:
        blocks += [Paragraph(text=_REACHED, tone="muted"), _reached_table(comparison.reached)]
    return Section(title="Over the steps", blocks=tuple(blocks))


def _table(rows: list[Trajectory]) -> Table:
    steps = sorted({point.step for row in rows for point in row.points})
    columns = (
        Column(title=f"{rows[0].name} ({fmt.plural(max(row.seeds for row in rows), 'seed')})"),
        *(Column(title=f"step {fmt.count(step)}", right=True) for step in steps),
        Column(title="Best", right=True),
    )
    return Table(columns=columns, rows=tuple(_row(row, steps) for row in rows))


def _row(row: Trajectory, steps: list[int]) -> tuple[Cell, ...]:
    cells = {point.step: _cell(row, point) for point in row.points}
    best = Cell(text=fmt.NONE if row.best_step is None else f"step {fmt.count(row.best_step)}")
    return (
        Cell(text=_name(row), tone="strong"),
        *(cells.get(step, Cell(text=fmt.NONE, tone="muted")) for step in steps),
        best,
    )


def _name(row: Trajectory) -> str:
    """The measurand, with the number of its dev examples: no other table has that."""
    examples = max((point.gain.n_examples for point in row.points), default=0)
    return row.measurand if row.on == "test" else f"{row.measurand}, {fmt.plural(examples, 'dev example')}"


def _cell(row: Trajectory, point: TrajectoryPoint) -> Cell:
    gain = point.gain
    tone: Tone = "plain"
    if gain.low is not None and gain.high is not None and (gain.low > 0 or gain.high < 0):
        tone = "good" if (gain.low > 0) == row.higher_is_better else "bad"
    text = f"{fmt.signed(gain.estimate)} {fmt.signed_interval(gain.low, gain.high)}".strip()
    return Cell(text=text, tone=tone)


def _kept_table(kept: tuple[KeptStep, ...]) -> Table:
    columns = (
        *texts("Arm", "Seed", "Chosen by"),
        *(Column(title=title, right=True) for title in ("Kept", "of", "dev score", "last step", "its dev score")),
    )
    rows = tuple(
        (
            Cell(text=one.arm, tone="strong"),
            Cell(text=str(one.seed)),
            Cell(text=one.by),
            Cell(text=f"step {fmt.count(one.step)}"),
            Cell(text=fmt.plural(one.evaluated, "step")),
            Cell(text=fmt.number(one.score)),
            Cell(text=fmt.count(one.last_step) + (" (patience)" if one.stopped_early else "")),
            Cell(text=fmt.number(one.last_score)),
        )
        for one in kept
    )
    return Table(columns=columns, rows=rows)


def _reached_table(reached: tuple[Reached, ...]) -> Table:
    columns = (
        *texts("Arm", "Seed"),
        *(Column(title=t, right=True) for t in ("Target at", "Tokens", "Seconds of steps")),
    )
    rows = tuple(
        (
            Cell(text=one.arm, tone="strong"),
            Cell(text=str(one.seed)),
            Cell(text="not reached", tone="muted") if one.step is None else Cell(text=f"step {fmt.count(one.step)}"),
            Cell(text=fmt.NONE if one.tokens is None else fmt.count(one.tokens)),
            Cell(text=fmt.NONE if one.seconds is None else fmt.seconds(one.seconds)),
        )
        for one in reached
    )
    return Table(columns=columns, rows=rows)
