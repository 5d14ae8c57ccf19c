"""How a contrast is said. "Better" and "worse" are said here and nowhere else, from `Contrast.reading` alone."""

from __future__ import annotations

from collections.abc import Iterable

from bench.report.analysis.absence import Absence
from bench.report.analysis.results import Contrast, Reading, Result
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Tone

MARKS: dict[Reading, str] = {
    "better": "▲",
    "worse": "▼",
    "maybe better": "△",
    "maybe worse": "▽",
    "higher": "↑",
    "lower": "↓",
    "unresolved": "≈",
    "unknown": "",
}
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


def contrast_cell(contrast: Contrast | None) -> Cell:
    """`▲ +0.551 [+0.502, +0.596]`."""
    if contrast is None:
        return Cell(text=fmt.NONE, tone="muted")
    delta = contrast.delta
    if delta.estimate is None:
        return Cell(text="no pair scored", tone="muted")
    if delta.low is None:
        return Cell(text=f"{fmt.signed(delta.estimate)} no interval", tone="muted")
    text = f"{MARKS[contrast.reading]} {fmt.signed(delta.estimate)} {fmt.signed_interval(delta.low, delta.high)}"
    return Cell(text=text, tone=TONES[contrast.reading])


def score_cell(result: Result) -> Cell:
    """`0.612 [0.571, 0.652]`, or why there is none; with a star where seeds are missing."""
    if result.value.mean is None:
        return Cell(text=why_absent(result.absent), tone="bad")
    text = f"{fmt.number(result.value.mean)} {fmt.interval(result.value.low, result.value.high)}".rstrip()
    return Cell(text=f"{text} *" if result.absent else text, tone="unsure" if result.absent else "plain")


def why_absent(absent: tuple[Absence, ...]) -> str:
    """`failed: out of memory`."""
    kinds = list(dict.fromkeys(FAILURES[absence.kind] for absence in absent))
    return f"failed: {fmt.listed(kinds)}" if kinds else "no score"


def short_of_seeds(results: Iterable[Result]) -> str | None:
    """What the stars in a table mean; `None` where there are none."""
    short = [
        f"{result.arm} {len(result.by_seed) - len(result.absent)} of {len(result.by_seed)}"
        for result in results
        if result.absent and result.value.mean is not None
    ]
    return f"* not all seeds have a score: {', '.join(short)}." if short else None
