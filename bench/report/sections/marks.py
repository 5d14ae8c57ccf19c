"""How a contrast reads, in words: "better" and "worse" are printed from here alone. `reading_of` decides which."""

from collections.abc import Iterable, Mapping

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.run_facts.absence import Absence
from bench.report.analysis.scores.results import Contrast, Reading, Result
from bench.report.analysis.training.outcomes import ArmOutcome
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Paragraph, Tone
from bench.stats.estimates.missing import MissingBounds

READINGS: dict[Reading, str] = {
    "better": "better",
    "worse": "worse",
    "maybe better": "maybe better",
    "maybe worse": "maybe worse",
    "higher": "higher",
    "lower": "lower",
    "unresolved": "unclear",
    "unknown": "",
}
"""What a contrast shows, as a cell says it."""
COUNTED: dict[Reading, str] = {
    **READINGS,
    "higher": "higher on a diagnostic",
    "lower": "lower on a diagnostic",
    "unknown": "without a result",
}
"""How contrasts of one reading are counted, in the order in which they are listed."""
SIGNS: dict[Reading, str] = {
    "better": "↑",
    "worse": "↓",
    "maybe better": "↑?",
    "maybe worse": "↓?",
    "unresolved": "~",
}
"""Signs in place of these words where there is no room; a legend below the table has both."""
TONES: dict[Reading, Tone] = {
    "better": "good",
    "worse": "bad",
    "maybe better": "unsure",
    "maybe worse": "unsure",
    "higher": "plain",
    "lower": "plain",
    "unresolved": "unsure",
    "unknown": "muted",
}
FAILURES = {
    "out_of_memory": "out of memory",
    "exception": "error",
    "killed": "killed",
    "crashed": "crashed",
    "timeout": "timed out",
    "diverged": "diverged",
    "dependency": "training failed",
    "interrupted": "interrupted",
    "refused": "refused",
    "unavailable": "input unavailable",
    "pending": "not run yet",
    "left_out": "left out",
}
"""The kinds of failure, as a cell says them."""


def reading_words(contrast: Contrast | None) -> str:
    """`better`, or `better (2/3 seeds)` where a side lost seeds."""
    if contrast is None or not READINGS[contrast.reading]:
        return ""
    return READINGS[contrast.reading] + (f" ({contrast.seeds}/{contrast.seeds_asked} seeds)" if contrast.short else "")


_ENDED = {
    "out_of_memory": "ran out of memory",
    "exception": "ended with an error",
    "killed": "killed",
    "crashed": "crashed",
    "timeout": "timed out",
    "diverged": "diverged",
    "dependency": "lack their input",
    "interrupted": "interrupted",
    "refused": "refused",
    "unavailable": "lack their input",
    "pending": "not run yet",
    "left_out": "left out",
}
"""How a training ended, as a sentence says it."""


def contrast_cell(contrast: Contrast | None) -> Cell:
    """`+0.551 [+0.502, +0.596] better`."""
    if contrast is None:
        return Cell(text=fmt.NONE, tone="muted")
    delta = contrast.delta
    if delta.estimate is None:
        return Cell(text="no pair scored", tone="muted")
    if delta.low is None:
        left = f", {contrast.seeds} of {contrast.seeds_asked} seeds" if contrast.short else ""
        return Cell(text=f"{fmt.signed(delta.estimate)} no interval{left}", tone="muted")
    text = f"{fmt.signed(delta.estimate)} {fmt.signed_interval(delta.low, delta.high)}"
    notes = [reading_words(contrast), with_missing(delta.bounds)]
    return Cell(text=text, tone=TONES[contrast.reading], note="; ".join(filter(None, notes)))


def with_missing(bounds: MissingBounds | None, *, signed: bool = True) -> str:
    """`missing: -0.102 to +0.391 [-0.14, +0.42]`: worst cases with their interval; empty where none is missing."""
    if bounds is None:
        return ""
    number, interval = (fmt.signed, fmt.signed_interval) if signed else (fmt.number, fmt.interval)
    ends = f"{number(bounds.lowest)} to {number(bounds.highest)} {interval(bounds.low, bounds.high)}".rstrip()
    return f"missing: {ends}"


def score_cell(result: Result) -> Cell:
    """`0.612 [0.571, 0.652]`, or why there is none; with a star where seeds are missing."""
    if result.not_applicable is not None:
        return Cell(text=f"n/a: {result.not_applicable}", tone="muted")
    if result.value.mean is None:
        return Cell(text=why_absent(result.absent), tone="bad")
    text = f"{fmt.number(result.value.mean)} {fmt.interval(result.value.low, result.value.high)}".rstrip()
    missing = with_missing(result.value.bounds, signed=False)
    tone: Tone = "unsure" if result.absent else "plain"
    return Cell(text=f"{text} *" if result.absent else text, tone=tone, note=missing, of=counted(result))


FEW_EXAMPLES = 100
"""Examples below which a share is shown with what it is counted from."""


def counted(result: Result) -> str:
    """`2 of 23`: right answers of all seeds together, of an eval with few examples."""
    few = result.right is not None and result.value.n_examples < FEW_EXAMPLES
    return f"{result.right[0]:,} of {result.right[1]:,}" if result.right is not None and few else ""


def counts_legend(results: Iterable[Result]) -> list[Paragraph]:
    """What a document has below shares of few examples; nothing where there are none."""
    text = f"2 of 23: right answers of all seeds together, of evals with fewer than {FEW_EXAMPLES} examples."
    return [Paragraph(text=text, tone="muted", only="document")] if any(map(counted, results)) else []


def why_absent(absent: tuple[Absence, ...]) -> str:
    """`failed: out of memory`; `not run yet` is no failure."""
    kinds = list(dict.fromkeys(FAILURES[absence.kind] for absence in absent))
    if kinds and all(absence.status == "pending" for absence in absent):
        return fmt.listed(kinds)
    return f"failed: {fmt.listed(kinds)}" if kinds else "no score"


def short_of_seeds(results: Iterable[Result], outcomes: Mapping[str, ArmOutcome]) -> str | None:
    """What the stars in a table mean, with the worst seed of each arm; `None` where there are none."""
    short = [
        f"{result.arm} has {len(result.by_seed) - len(result.absent)} of {len(result.by_seed)}"
        f"{_lost(outcomes.get(result.arm))}, worst {fmt.number(result.worst_seed)}"
        for result in results
        if result.absent and result.value.mean is not None
    ]
    return f"* Seeds with a score: {'; '.join(short)}." if short else None


def _lost(outcome: ArmOutcome | None) -> str:
    """` (1 of 3 trainings diverged)`; empty where every training finished."""
    if outcome is None or not outcome.lost:
        return ""
    kinds = [
        f"{count} of {fmt.plural(outcome.trainings, 'training')} {_ENDED[kind]}" for kind, count in outcome.lost.items()
    ]
    return f" ({', '.join(kinds)})"


def seeds_each(comparison: Comparison) -> str:
    """`3 seeds`, or `2 to 5 seeds` where single arms have further ones: of an arm that the suite trains."""
    counts = [outcome.trainings for outcome in comparison.outcomes] or [len(comparison.run.seeds)]
    fewest, most = min(counts), max(counts)
    return fmt.plural(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
