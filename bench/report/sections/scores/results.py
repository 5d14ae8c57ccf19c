"""The results: one row per arm beside the base, over all evals, and then eval by eval with every interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.results import Contrast, Result
from bench.report.analysis.training.cost import Cost
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Figure, Paragraph, Section, Table
from bench.report.sections.marks import TONES, contrast_cell, mark, score_cell, short_of_seeds, why_absent
from bench.stats.conclusions.ranking import Rank
from bench.suite.tables.suite import is_base

LOSS_CAVEAT = (
    "Held-out loss is a diagnostic, not a ranking: LIMA (Zhou et al. 2023) found it anti-correlated with the quality "
    "of generated answers."
)

_FIGURES = (
    Figure(name="scores", caption="Score of every arm on every eval, with 95% intervals; line and band are the base."),
    Figure(
        name="deltas",
        caption="Paired differences from the base and from the control, with 95% intervals; filled where resolved.",
    ),
)


def overview_section(comparison: Comparison) -> Section:
    """One row per arm beside the base row."""
    scores = [Column(title=measurand.name, right=True) for measurand in comparison.measurands]
    columns = (
        Column(title="Arm"),
        *scores,
        Column(title="Tokens/s", right=True),
        Column(title="Memory", right=True),
        Column(title="Trained", right=True, detail=True),
    )
    costs = {cost.arm: cost for cost in comparison.costs}
    rows = tuple(_overview_row(comparison, arm, costs.get(arm)) for arm in comparison.arms)
    blocks: list[Block] = [
        Table(columns=columns, rows=rows),
        Paragraph(text=_legend(comparison), tone="muted"),
        *(figure for figure in _FIGURES if figure.name in comparison.plots),
    ]
    return Section(title="Results", blocks=tuple(blocks))


def eval_sections(comparison: Comparison) -> tuple[Section, ...]:
    """One section per measurand: scores, deltas, flips, what could have been seen."""
    return tuple(_eval_section(comparison, measurand) for measurand in comparison.measurands)


def _overview_row(comparison: Comparison, arm: str, cost: Cost | None) -> tuple[Cell, ...]:
    scores = [_overview_cell(comparison.results[arm, measurand.name]) for measurand in comparison.measurands]
    if cost is None:
        return (Cell(text=arm, tone="strong"), *scores, *[Cell(text=fmt.NONE, tone="muted")] * 3)
    return (
        Cell(text=arm, tone="strong"),
        *scores,
        speed_cell(cost),
        Cell(text=fmt.memory(cost.memory_bytes)),
        Cell(text=fmt.percent(cost.trained_share)),
    )


def speed_cell(cost: Cost) -> Cell:
    """Tokens per second alone on the machine, or `shared`."""
    if cost.tokens_per_second is not None:
        return Cell(text=fmt.count(cost.tokens_per_second))
    return Cell(text=fmt.NONE if cost.shared_tokens_per_second is None else "shared", tone="muted")


def _overview_cell(result: Result) -> Cell:
    if result.value.mean is None:
        return Cell(text=result.absent_word, tone="bad")
    reading = result.versus_base.reading if result.versus_base is not None else "unknown"
    partial = "*" if result.absent else ""
    return Cell(
        text=f"{fmt.number(result.value.mean)}{partial} {mark(result.versus_base)}".rstrip(), tone=TONES[reading]
    )


def _legend(comparison: Comparison) -> str:
    seeds = len(comparison.run.seeds)
    partial = " * and 2/3: not all seeds." if any(result.absent for result in comparison.results.values()) else ""
    return (
        "Against the base: ▲ better, ▼ worse at 5% after Holm over the eval's contrasts; △ ▽ before Holm only, or with "
        "one seed; "
        f"≈ not resolved; ↑ higher, ↓ lower on diagnostics. Mean over {fmt.plural(seeds, 'seed')}.{partial}"
        f"{_looks(comparison)}"
    )


def _looks(comparison: Comparison) -> str:
    """What a mark is worth where the question is looked at more than once; empty for a single look."""
    looks = max((claim.verdict.looks for claim in comparison.claims), default=1)
    if looks == 1 and comparison.sequential is None:
        return ""
    which = f"look {looks}" if looks > 1 else "the first of several planned looks"
    return f" This is {which} at the question: claims are corrected for that, marks and p-values of tables are not."


def _eval_section(comparison: Comparison, measurand: Measurand) -> Section:
    with_control = any(comparison.results[arm, measurand.name].versus_control for arm in comparison.arms)
    ranks = {rank.name: _rank(rank) for rank in comparison.ranks[measurand.name]}
    columns = (
        Column(title="Arm"),
        Column(title="Score [95%]", right=True),
        Column(title="− base [95%]", right=True),
        *([Column(title="− control [95%]", right=True)] if with_control else []),
        *([Column(title="Rank", right=True, detail=True)] if ranks else []),
        Column(title="Seed spread", right=True, detail=True),
        Column(title="Gained / lost", right=True, detail=True),
        Column(title="Detectable, base / control", right=True, detail=True),
        Column(title="p (Holm), base / control", right=True, detail=True),
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
    return Section(title=measurand.name, blocks=tuple(blocks), level=3)


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
        Cell(text=_pair(base, control, lambda contrast: fmt.p_value(contrast.p_adjusted))),
    )


def _versus(contrast: Contrast | None, result: Result, *, none: str = "") -> Cell:
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
    mde = contrast.detectable
    return "none" if mde is not None and measurand.binary and mde > 1 else fmt.number(mde)


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
        fmt.plural(result.value.n_examples + result.value.n_missing, "example"),
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
