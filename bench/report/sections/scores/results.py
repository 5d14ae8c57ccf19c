"""The results: one row per arm beside the base, over all evals, and then eval by eval with every interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.results import Contrast, Reading, Result
from bench.report.analysis.training.costs.cost import Cost
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Figure, Paragraph, Section, Table, Tone, numbers
from bench.report.sections.marks import contrast_cell, reading_words, score_cell, short_of_seeds, why_absent
from bench.report.sections.speed_cell import speed_cell
from bench.stats.conclusions.ranking import Rank
from bench.suite.tables.arms import is_base

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
_BEST, _OPEN = "best", "best?"


def overview_section(comparison: Comparison) -> Section:
    """One row per arm beside the base row; the best of each column marked where it is resolved."""
    scores = [
        Column(title=measurand.name, right=True, detail=measurand.role == "diagnostic")
        for measurand in comparison.measurands
    ]
    columns = (
        Column(title="Arm"),
        *scores,
        Column(title="Tokens/s", right=True),
        Column(title="Seconds", right=True, detail=True),
        Column(title="Memory", right=True, detail=True),
    )
    costs = {cost.arm: cost for cost in comparison.costs}
    places = {measurand.name: _places(comparison, measurand) for measurand in comparison.measurands}
    rows = tuple(_overview_row(comparison, arm, costs.get(arm), places) for arm in comparison.arms)
    legend = Paragraph(text=_legend(comparison, places), tone="muted")
    return Section(title="Arms", blocks=(Table(columns=columns, rows=rows), legend))


def results_section(comparison: Comparison) -> Section:
    """The pictures that the answer does not show; eval by eval the sections that follow."""
    others = [figure for name, figure in FIGURES.items() if name in comparison.plots]
    shown = others[1:] if comparison.answer is not None else others
    return Section(title="Results, eval by eval", blocks=tuple(shown), folded=True)


def eval_sections(comparison: Comparison) -> tuple[Section, ...]:
    """One section per measurand: scores, deltas, flips, what could have been seen."""
    return tuple(_eval_section(comparison, measurand) for measurand in comparison.measurands)


def _overview_row(comparison: Comparison, arm: str, cost: Cost | None, places: _Places) -> tuple[Cell, ...]:
    scores = [
        _overview_cell(comparison.results[arm, measurand.name], places[measurand.name].get(arm, ""))
        for measurand in comparison.measurands
    ]
    if cost is None:
        return (Cell(text=arm, tone="strong"), *scores, *[Cell(text=fmt.NONE, tone="muted")] * 3)
    return (
        Cell(text=arm, tone="strong"),
        *scores,
        speed_cell(cost),
        Cell(text=fmt.fixed(cost.seconds)),
        Cell(text=fmt.memory(cost.memory_bytes)),
    )


def _overview_cell(result: Result, place: str) -> Cell:
    """`0.612 better, best?`: its value, how it compares with the base, and whether it is the best of its column."""
    if result.value.mean is None:
        return Cell(text=result.absent_word, tone="bad" if result.not_applicable is None else "muted")
    partial = "*" if result.absent else ""
    tone: Tone = "good" if place == _BEST else "strong" if place == _OPEN else "plain"
    note = ", ".join(word for word in (reading_words(result.versus_base), place) if word)
    return Cell(text=f"{fmt.number(result.value.mean)}{partial}", tone=tone, note=note)


_Places = Mapping[str, Mapping[str, str]]
"""By eval and subject, `best` or `best?`."""


def _places(comparison: Comparison, measurand: Measurand) -> dict[str, str]:
    """The subject that is shown to be better than all others of the column, or those that none is shown to be better
    than; empty where that is every arm, or no ranks are given. A lone base takes part."""
    ranks = {rank.name: rank for rank in comparison.ranks[measurand.name]}
    bases = [arm for arm in comparison.arms if is_base(arm)]
    base = bases[0] if ranks and len(bases) == 1 else None
    contrasts = {arm: comparison.results[arm, measurand.name].versus_base for arm in ranks}
    readings = {arm: contrast.reading for arm, contrast in contrasts.items() if base and contrast is not None}
    first = [arm for arm, rank in ranks.items() if rank.best == 1 and readings.get(arm) != "worse"]
    if base is not None and "better" not in readings.values():
        first.append(base)
    if set(ranks) <= set(first):
        return {}
    return dict.fromkeys(first, _BEST if len(first) == 1 and _shown(first[0], ranks, readings) else _OPEN)


def _shown(subject: str, ranks: Mapping[str, Rank], readings: Mapping[str, Reading]) -> bool:
    """Whether the only subject that may be the best is shown to be better than each other. readings: against the lone
    base, by arm; empty without one."""
    if subject not in ranks:
        return all(readings.get(arm) == "worse" for arm in ranks)
    return ranks[subject].worst == 1 and readings.get(subject, "better") == "better"


def _legend(comparison: Comparison, places: _Places) -> str:
    """What the words of this table mean; a word that it does not have is not explained."""
    results = [result for result in comparison.results.values() if result.value.mean is not None]
    parts = [f"Mean over {fmt.plural(len(comparison.run.seeds), 'seed')}.", *_readings_legend(results)]
    parts += _places_legend(comparison, places)
    for role, words in (("retention", "what training may forget"), ("diagnostic", "no ranking")):
        names = [measurand.name for measurand in comparison.measurands if measurand.role == role]
        parts += [f"{fmt.listed(names)}: {words}."] if names else []
    parts += ["* not all seeds have a score."] if any(result.absent for result in results) else []
    return " ".join(parts) + _looks(comparison)


def _readings_legend(results: Sequence[Result]) -> list[str]:
    """What the words compare with, and what a question mark leaves open."""
    seen = {result.versus_base.reading for result in results if result.versus_base is not None}
    parts = []
    if seen & {"better", "worse", "maybe better", "maybe worse", "unresolved", "higher", "lower"}:
        parts.append("Compared with the base, after Holm's correction.")
    if seen & {"maybe better", "maybe worse"}:
        parts.append("better?, worse?: only before it, or with one seed.")
    return parts


def _places_legend(comparison: Comparison, places: _Places) -> list[str]:
    """What may be the best of a column, and where no order is shown."""
    flat = [m.name for m in comparison.measurands if comparison.ranks[m.name] and not places[m.name]]
    return [f"No order is resolved on {fmt.listed(flat)}."] if flat else []


def _looks(comparison: Comparison) -> str:
    """What a reading is worth where the question is looked at more than once; empty for a single look."""
    looks = max((claim.verdict.looks for claim in comparison.claims), default=1)
    if looks == 1 and comparison.sequential is None:
        return ""
    which = f"look {looks}" if looks > 1 else "the first of several planned looks"
    return f" This is {which} at the question: claims are corrected for that, words and p-values of tables are not."


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
        *([] if result.measurand.role == "diagnostic" else [Cell(text=_pair(base, control, _p_value))]),
    )


def _p_value(contrast: Contrast) -> str:
    return fmt.p_value(contrast.p_adjusted)


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
