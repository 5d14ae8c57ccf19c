"""The table of the arms: one row per arm beside the base's, over all evals, with what it cost where one was trained."""

from collections.abc import Mapping, Set

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.results import Contrast, Reading, Result
from bench.report.analysis.training.costs.cost import Cost
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Column, Paragraph, Section, Table, Tone
from bench.report.sections.arm_names import arm_names
from bench.report.sections.marks import READINGS, SIGNS, counted, counts_legend, reading_words, seeds_each
from bench.report.sections.speed_cell import speed_cell
from bench.stats.conclusions.ranking import Rank
from bench.stats.estimates.delta import LEVEL
from bench.suite.tables.arms.arms import is_base

_BEST, _OPEN = "best", "maybe best"
_PLACE_SIGNS = {_BEST: "◆", _OPEN: "◇"}


def overview_section(comparison: Comparison) -> Section:
    """One row per arm beside the base row; the best of each column marked where it is resolved."""
    scores = [
        Column(title=measurand.name, right=True, detail=measurand.role == "diagnostic")
        for measurand in comparison.measurands
    ]
    spent = (
        Column(title="Tokens/s", right=True),
        Column(title="Seconds in all", right=True, detail=True),
        Column(title="Memory", right=True, detail=True),
    )
    columns = (Column(title="Arm"), *scores, *(spent if _trained_here(comparison) else ()))
    costs = {cost.arm: cost for cost in comparison.costs}
    places = {measurand.name: _places(comparison, measurand) for measurand in comparison.measurands}
    rows = tuple(_overview_row(comparison, arm, costs.get(arm), places) for arm in comparison.arms)
    legend = [*_legend(comparison, places), *counts_legend(comparison.results.values())]
    names = [] if comparison.answer is not None else arm_names(comparison)
    return Section(title="Arms", blocks=(*names, Table(columns=columns, rows=rows), *legend))


def _trained_here(comparison: Comparison) -> bool:
    """Whether an arm has costs that this run knows."""
    return any(cost.trains for cost in comparison.costs)


def _overview_row(comparison: Comparison, arm: str, cost: Cost | None, places: "_Places") -> tuple[Cell, ...]:
    scores = [
        _overview_cell(comparison.results[arm, measurand.name], places[measurand.name].get(arm, ""))
        for measurand in comparison.measurands
    ]
    if not _trained_here(comparison):
        return (Cell(text=arm, tone="strong"), *scores)
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
    """`0.612 better, maybe best`: its value, how it compares with the base, and whether it is the column's best."""
    if result.value.mean is None:
        return Cell(text=result.absent_word, tone="bad" if result.not_applicable is None else "muted")
    partial = "*" if result.absent else ""
    tone: Tone = "good" if place == _BEST else "strong" if place == _OPEN else "plain"
    note = ", ".join(word for word in (reading_words(result.versus_base), place) if word)
    sign = "" if result.versus_base is None else SIGNS.get(result.versus_base.reading, "")
    return Cell(
        text=f"{fmt.number(result.value.mean)}{partial}",
        tone=tone,
        note=note,
        of=counted(result),
        sign=f"{sign}{_PLACE_SIGNS.get(place, '')}",
    )


_Places = Mapping[str, Mapping[str, str]]
"""By eval and subject, `best` or `maybe best`."""


def _places(comparison: Comparison, measurand: Measurand) -> dict[str, str]:
    """The subject that is shown to be better than all others of the column, or those that none is shown to be better
    than, with those whose printed score is equal; empty where that is every arm, or no ranks are given. A lone base
    takes part."""
    ranks = {rank.name: rank for rank in comparison.ranks[measurand.name]}
    bases = [arm for arm in comparison.arms if is_base(arm)]
    base = bases[0] if ranks and len(bases) == 1 else None
    contrasts = {arm: comparison.results[arm, measurand.name].versus_base for arm in ranks}
    readings = {arm: contrast.reading for arm, contrast in contrasts.items() if base and contrast is not None}
    seen = {arm: _as_ranked(contrast) for arm, contrast in contrasts.items() if base and contrast is not None}
    first = [arm for arm, rank in ranks.items() if rank.best == 1 and seen.get(arm) != "worse"]
    if base is not None and "better" not in seen.values():
        first.append(base)
    printed = {
        subject: fmt.number(mean)
        for subject in (*ranks, *([base] if base is not None else []))
        if (mean := comparison.results[subject, measurand.name].value.mean) is not None
    }
    equal = {printed[subject] for subject in first if subject in printed}
    first += [
        subject
        for subject, score in printed.items()
        if score in equal and subject not in first and seen.get(subject) != "worse"
    ]
    if set(ranks) <= set(first):
        return {}
    return dict.fromkeys(first, _BEST if len(first) == 1 and _shown(first[0], ranks, readings) else _OPEN)


def _as_ranked(contrast: Contrast) -> str:
    """`better` or `worse` of a lone training, too: ranks order lone trainings by the noise of the examples."""
    alone = not contrast.delta.repeated and contrast.p_adjusted is not None and contrast.p_adjusted <= 1.0 - LEVEL
    return contrast.reading.removeprefix("maybe ") if alone else contrast.reading


def _shown(subject: str, ranks: Mapping[str, Rank], readings: Mapping[str, Reading]) -> bool:
    """Whether the only subject that may be the best is shown to be better than each other. readings: against the lone
    base, by arm; empty without one."""
    if subject not in ranks:
        return all(readings.get(arm) == "worse" for arm in ranks)
    return ranks[subject].worst == 1 and readings.get(subject, "better") == "better"


def _legend(comparison: Comparison, places: _Places) -> list[Paragraph]:
    """What the words of this table mean, and the signs that a terminal has in their place; none that it does not
    have."""
    results = [result for result in comparison.results.values() if result.value.mean is not None]
    seen = {result.versus_base.reading for result in results if result.versus_base is not None}
    marked = {place for by_subject in places.values() for place in by_subject.values()}
    words = [*_readings_legend(seen), *_places_legend(marked)]
    flat = [m.name for m in comparison.measurands if comparison.ranks[m.name] and not places[m.name]]
    words += [f"No order is resolved on {fmt.listed(flat)}."] if flat else []
    rest = _role_legend(comparison, "retention", "what training may forget")
    rest += ["* not all seeds have a score."] if any(result.absent for result in results) else []
    unranked = _role_legend(comparison, "diagnostic", "no ranking")
    mean, looks = f"Mean over {seeds_each(comparison)}.", _looks(comparison)
    return [
        Paragraph(text=" ".join([mean, *_signs_legend(seen, marked), *rest]) + looks, tone="muted", only="terminal"),
        Paragraph(text=" ".join([mean, *words, *unranked, *rest]) + looks, tone="muted", only="document"),
    ]


def _role_legend(comparison: Comparison, role: str, meaning: str) -> list[str]:
    names = [measurand.name for measurand in comparison.measurands if measurand.role == role]
    return [f"{fmt.listed(names)}: {meaning}."] if names else []


def _signs_legend(seen: Set[Reading], marked: Set[str]) -> list[str]:
    """`↑ better, ~ unclear than the base.`"""
    signs = [f"{sign} {READINGS[reading]}" for reading, sign in SIGNS.items() if reading in seen]
    signs += [f"{sign} {place}" for place, sign in _PLACE_SIGNS.items() if place in marked]
    return [f"Against the base: {', '.join(signs)}."] if signs else []


def _readings_legend(seen: Set[Reading]) -> list[str]:
    """What the words compare with, and what `maybe` leaves open."""
    parts = []
    if seen - {"unknown", "higher", "lower"}:
        parts.append("Compared with the base, after Holm's correction.")
    if seen & {"higher", "lower"}:
        parts.append("higher, lower: than the base by the interval alone, uncorrected.")
    if seen & {"maybe better", "maybe worse"}:
        parts.append("maybe better, maybe worse: only before that correction, or with one seed.")
    if "unresolved" in seen:
        parts.append("unclear: this run cannot tell.")
    return parts


def _places_legend(marked: Set[str]) -> list[str]:
    """What is the best of a column, and what may be."""
    best = ["best: shown to be better than all others."] if _BEST in marked else []
    return best + (["maybe best: no other is shown to be better."] if _OPEN in marked else [])


def _looks(comparison: Comparison) -> str:
    """What a reading is worth where the question is looked at more than once; empty for a single look."""
    looks = max((claim.verdict.looks for claim in comparison.claims), default=1)
    if looks == 1 and comparison.sequential is None:
        return ""
    which = f"look {looks}" if looks > 1 else "the first of several planned looks"
    return f" This is {which} at the question: claims are corrected for that, words and p-values of tables are not."
