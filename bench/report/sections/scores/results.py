"""The results eval by eval, with every interval."""

from collections.abc import Callable, Mapping

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.results import Contrast, Result
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Figure, Paragraph, Section, Table, numbers
from bench.report.sections.marks import (
    contrast_cell,
    score_cell,
    short_of_seeds,
    why_absent,
)
from bench.stats.conclusions.ranking import Rank
from bench.suite.tables.arms.arms import is_base

LOSS_CAVEAT = (
    "Held-out loss is a diagnostic, not a ranking: LIMA (Zhou et al. 2023) found it anti-correlated with the quality "
    "of generated answers."
)

FIGURES = {
    "claims": Figure(
        name="claims",
        caption="Differences that claims are about, with 95% intervals; filled where decided, dashed what is asked.",
    ),
    "deltas": Figure(
        name="deltas",
        caption="Paired differences from the base and from the control, with 95% intervals; filled where resolved.",
    ),
    "scores": Figure(
        name="scores", caption="Score of every arm on every eval, with 95% intervals; line and band are the base."
    ),
}
"""The pictures of the scores, by name."""


def results_section(comparison: Comparison) -> Section:
    """The pictures that the answer does not show; eval by eval the sections that follow."""
    others = [figure for name, figure in FIGURES.items() if name in comparison.plots]
    shown = others[1:] if comparison.answer is not None else others
    return Section(title="Results, eval by eval", blocks=tuple(shown), folded=True)


def eval_sections(comparison: Comparison) -> tuple[Section, ...]:
    """One section per measurand: scores, deltas, flips, what could have been seen."""
    return tuple(_eval_section(comparison, measurand) for measurand in comparison.measurands)


def _eval_section(comparison: Comparison, measurand: Measurand) -> Section:
    with_control = any(comparison.results[arm, measurand.name].versus_control for arm in comparison.arms)
    ranks = {rank.name: _rank(rank) for rank in comparison.ranks[measurand.name]}
    columns = (
        Column(title="Arm"),
        *numbers("Score [95%]", "− base [95%]"),
        *([Column(title="− control [95%]", right=True)] if with_control else []),
        *([Column(title="Rank", right=True, detail=True)] if ranks else []),
        Column(title="Seed spread", right=True, detail=True),
        Column(title="Gained / lost", right=True, detail=True),
        Column(title="Detectable, base / control", right=True, detail=True),
        *(
            []
            if measurand.role == "diagnostic"
            else [Column(title="p (Holm), base / control", right=True, detail=True)]
        ),
    )
    rows = tuple(
        _eval_row(comparison.results[arm, measurand.name], ranks, with_control=with_control) for arm in comparison.arms
    )
    blocks: list[Block] = [Paragraph(text=_about(comparison, measurand), tone="muted")]
    if measurand == next((other for other in comparison.measurands if other.kind == "loss"), None):
        blocks.append(Paragraph(text=LOSS_CAVEAT))
    blocks.append(Table(columns=columns, rows=rows))
    outcomes = {outcome.arm: outcome for outcome in comparison.outcomes}
    stars = short_of_seeds((comparison.results[arm, measurand.name] for arm in comparison.arms), outcomes)
    if stars is not None:
        blocks.append(Paragraph(text=stars))
    return Section(title=measurand.name, blocks=tuple(blocks), level=3, folded=True)


def _eval_row(result: Result, ranks: Mapping[str, str], *, with_control: bool) -> tuple[Cell, ...]:
    base, control = result.versus_base, result.versus_control
    of_base = is_base(result.arm)
    versus_base = Cell(text="", tone="muted") if of_base else _versus(base, result)
    versus_control = Cell(text="", tone="muted") if of_base else _versus(control, result, none="is the control")
    deviation = result.value.seed_deviation
    spread = "" if deviation is None else f"±{fmt.number(deviation)}"
    flips = _flips(base, result.measurand) if base is not None and base.delta.estimate is not None else ""
    return (
        Cell(text=result.arm, tone="strong"),
        score_cell(result),
        versus_base,
        *([versus_control] if with_control else []),
        *([Cell(text=ranks.get(result.arm, ""))] if ranks else []),
        Cell(text=spread),
        Cell(text=flips),
        Cell(text=_pair(base, control, lambda contrast: _detectable(contrast, result.measurand))),
        *(
            []
            if result.measurand.role == "diagnostic"
            else [Cell(text=_pair(base, control, lambda contrast: fmt.p_value(contrast.p_adjusted)))]
        ),
    )


def _versus(contrast: Contrast | None, result: Result, *, none: str = "") -> Cell:
    if result.not_applicable is not None:
        return Cell(text="n/a", tone="muted")
    if contrast is None:
        return Cell(text=none or fmt.NONE, tone="muted")
    if contrast.delta.estimate is None and result.absent:
        return Cell(text=why_absent(result.absent), tone="bad")
    return contrast_cell(contrast)


def _rank(rank: Rank) -> str:
    """`1–3`: what the resolved pairs leave possible."""
    return str(rank.best) if rank.resolved else f"{rank.best}–{rank.worst}"


def _flips(contrast: Contrast, measurand: Measurand) -> str:
    above, below = contrast.delta.n_better, contrast.delta.n_worse
    return f"{above} / {below}" if measurand.higher_is_better else f"{below} / {above}"


def _detectable(contrast: Contrast, measurand: Measurand) -> str:
    """`none` where even the largest possible difference would have gone unseen."""
    size = contrast.detectable
    possible = size is None or measurand.can_differ_by(size, contrast.delta.reference_mean)
    return fmt.number(size) if possible else "none"


def _pair(base: Contrast | None, control: Contrast | None, say: Callable[[Contrast], str]) -> str:
    """`0.052 / 0.061`; one of them alone where the other does not exist."""
    return " / ".join(say(contrast) for contrast in (base, control) if contrast is not None)


def _over(measurand: Measurand) -> str:
    """What its tasks are averaged over."""
    tasks, parts = len(measurand.metrics), measurand.parts
    pooled = [part for part in parts if part not in measurand.metrics]
    if tasks < 2:
        return ""
    if len(parts) == 1 and pooled:
        return f", mean over all examples of the {fmt.plural(tasks, 'task')} of {pooled[0]}"
    of_groups = f", of them all examples of {fmt.listed(pooled)} as one" if pooled else ""
    return f", mean of {fmt.plural(len(parts), 'task')}{of_groups}"


def _clusters(comparison: Comparison, measurand: Measurand) -> str | None:
    """Whether intervals take the examples as independent; `None` where no difference has an interval."""
    contrasts = [comparison.results[arm, measurand.name].versus_base for arm in comparison.arms]
    deltas = [contrast.delta for contrast in contrasts if contrast is not None and contrast.delta.low is not None]
    if not deltas:
        return None
    clustered = deltas[0].n_clusters < deltas[0].n_examples
    return f"in {deltas[0].n_clusters:,} clusters" if clustered else "taken as independent"


def _about(comparison: Comparison, measurand: Measurand) -> str:
    """What was measured, on how many examples, in which direction."""
    result = comparison.results[comparison.arms[0], measurand.name]
    metrics = fmt.listed(sorted(set(measurand.metrics.values()))) or "no score"
    facts = [
        f"{metrics}{_over(measurand)}",
        fmt.plural(result.value.n_asked, "example"),
        "higher is better" if measurand.higher_is_better else "lower is better",
    ]
    clusters = _clusters(comparison, measurand)
    if clusters is not None:
        facts[1] += f", {clusters}"
    if measurand.chance:
        facts.append(f"chance is {fmt.number(measurand.chance)}")
    if measurand.limit is not None:
        facts.append(f"limited to the first {measurand.limit:,} of each task")
    facts.append(
        {"target": "a target", "retention": "what training may forget", "diagnostic": "a diagnostic"}[measurand.role]
    )
    return "; ".join(facts) + "."
