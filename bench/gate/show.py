"""The gate's findings as text for a terminal or a CI log; the last line has the answer. Nothing is computed here."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.control_codes import visible
from bench.gate.exact import ExactComparison
from bench.gate.quality import QualityComparison, ScoreChange
from bench.gate.speed.learning import LearningCheck, learning_answer
from bench.gate.speed.speed_gate import Clocked, SpeedComparison
from bench.report.analysis.across.comparable import Difference
from bench.report.imported.stored_times import Trend
from bench.report.render import format as fmt
from bench.suite.tables.conclusions.gate import Waiver

_CLOCKS = {"cpu": "processor time", "wall": "wall clock"}
_TONES = {"slower": "bold red", "no-go": "bold red", "unresolved": "yellow", "inconclusive": "yellow",
          "faster": "green", "go": "green"}  # fmt: skip

_DIFFERENCES = 8
"""Differences between the runs that are shown where the check does not pass."""


def print_exact(comparison: ExactComparison, console: Console) -> None:
    """Every changed count, or that there is none."""
    if comparison.changes:
        rows = [
            (
                change.arm,
                change.count.replace("_", " "),
                fmt.count(change.before),
                fmt.count(change.after),
                _relative(change),
            )
            for change in comparison.changes
        ]
        _table(console, ("arm", "count", "baseline", "now", "change"), rows, right=3)
    if comparison.versions:
        console.print(Text("libraries differ from the baseline's: " + ", ".join(comparison.versions)))
    if comparison.changes:
        changed = fmt.plural(len(comparison.changes), "count")
        hint = "If the change is intended, run again with --update and commit the baseline."
        console.print(Text(f"no-go: {changed} changed. {hint}", "bold red"))
    else:
        console.print(
            Text(f"go: {comparison.counts} counts of {fmt.plural(comparison.arms, 'arm')} are the baseline's")
        )


def print_speed(comparison: SpeedComparison, console: Console) -> None:
    """Each clock's interval, what each version learns, what differs between them, the answer."""
    console.print(Text(f"{comparison.suite} · {comparison.arm} · {comparison.device}", "bold"))
    console.print(Text(visible(f"{comparison.ours} against {comparison.theirs}")))
    rows = [
        (_CLOCKS[clock.clock], _change(clock.slowdown.ratio), _bounds(clock),
         f"+{fmt.percent(clock.threshold, digits=0)}", clock.verdict)
        for clock in comparison.clocks
    ]  # fmt: skip
    _table(console, ("clock", "slow-down", "bounds, 95% each", "accepted", "verdict"), rows, right=2, tones=True)
    first = comparison.clocks[0].slowdown
    console.print(
        Text(
            f"median step {1000 * comparison.our_step_seconds:,.1f} ms "
            f"against {1000 * comparison.their_step_seconds:,.1f} ms; "
            f"{len(first.block_ratios)} fresh pairs of processes, {first.pairs} pairs of steps, "
            f"{fmt.seconds(comparison.seconds)}"
        )
    )
    for check in comparison.learning:
        console.print(Text(_learned(check)))
    for difference in comparison.differences:
        console.print(Text(visible(f"differs: {difference}")))
    answer = comparison.answer
    console.print(Text(f"{answer}: {_speed_reason(comparison)}", _TONES[answer]), soft_wrap=True)


def _learned(check: LearningCheck) -> str:
    """Such as `loss: 3.210 against 3.214, −0.004 [−0.010, +0.002] over 6 seeds, band ±0.064: same`."""
    kind = "log ratio " if check.quantity == "first gradient" else ""
    interval = f"{kind}{fmt.signed(check.difference)} {fmt.signed_interval(check.low, check.high)}"
    values = f"{fmt.number(check.ours)} against {fmt.number(check.theirs)}, {interval} over {check.seeds} seeds"
    return f"{check.quantity}: {values}, band ±{fmt.number(check.band)}: {check.verdict}"


def _speed_reason(comparison: SpeedComparison) -> str:
    """What decided, speed first."""
    if comparison.verdict == "slower":
        return "slower than accepted"
    answer = learning_answer(comparison.learning)
    if answer == "no-go":
        differing = [check.quantity for check in comparison.learning if check.verdict == "different"]
        verb = "differs" if len(differing) == 1 else "differ"
        return f"it does not learn the same: the {' and '.join(differing)} {verb} beyond the band"
    if comparison.verdict == "unresolved":
        return "no slow-down above the threshold is shown, and none is excluded; use more --blocks to decide"
    if answer == "inconclusive":
        open_checks = [check.quantity for check in comparison.learning if check.verdict == "unresolved"]
        why = f"the interval of the {' and '.join(open_checks)} reaches over its band"
        return f"fast enough, but not shown to learn the same: {why if open_checks else 'a version reports no loss'}"
    fast = "faster by more than the threshold" if comparison.verdict == "faster" else "no slow-down above the threshold"
    return f"{fast}, and it learns the same"


def print_quality(comparison: QualityComparison, console: Console) -> None:
    """Every arm on every eval, every claim that moved, waivers, the answer."""
    rows = [
        (
            change.arm,
            change.eval,
            fmt.number(change.before),
            fmt.number(change.after),
            _delta(change),
            fmt.number(change.margin),
            "none" if change.blind else fmt.number(change.smallest_drop),
            change.answer + (" (advisory)" if change.tier == "advisory" else ""),
        )
        for change in comparison.changes
    ]
    titles = ("arm", "eval", "stored", "this run", "difference, 95%", "accepted", "could see", "answer")
    _table(console, titles, rows, right=2, tones=True)
    for change in comparison.changes:
        if change.why is not None:
            console.print(Text(visible(f"{change.arm} on {change.eval}: {change.why}"), "yellow"))
    for claim in comparison.claims:
        if claim.before != claim.after:
            console.print(Text(visible(f"claim {claim.says} on {claim.on}: {claim.before or 'new'} → {claim.after}")))
    for waived, waiver in _waived(comparison):
        console.print(Text(visible(f"waived until {waiver.until}: {waived}: {waiver.reason}"), "yellow"))
    for waiver in comparison.expired:
        what = waiver.claim or f"{waiver.arm or 'every arm'} on {waiver.eval}"
        console.print(Text(visible(f"waiver expired on {waiver.until}: {what}: {waiver.reason}"), "yellow"))
    if lone := {change.arm for change in comparison.changes if change.delta is not None and not change.delta.repeated}:
        once = f"{fmt.listed(sorted(lone))}: trained once: these answers are about that training, not about a recipe"
        console.print(Text(visible(once), "yellow"))
    if comparison.answer != "go":
        _print_differences(comparison.differences, console)
    console.print(Text(_quality_sentence(comparison), _TONES[comparison.answer]), soft_wrap=True)


def _waived(comparison: QualityComparison) -> Iterator[tuple[str, Waiver]]:
    """Losses that a waiver accepts today."""
    for change in comparison.changes:
        if change.waiver is not None:
            yield f"{change.arm} on {change.eval}", change.waiver
    for claim in comparison.claims:
        if claim.waiver is not None and claim.after == "refuted":
            yield claim.says, claim.waiver


def _quality_sentence(comparison: QualityComparison) -> str:
    """The answer with its reasons, and how many cells are open."""
    required = [change for change in comparison.changes if change.decides]
    worse = sum(change.answer == "no-go" for change in required)
    fallen = sum(claim.failed for claim in comparison.claims)
    missing = "" if comparison.complete else "; this run's own report is incomplete"
    if any(change.why is not None for change in comparison.changes if change.tier == "required"):
        missing = "; some scores could not be compared"
    open_cells = f"{comparison.unresolved} of {fmt.plural(len(required), 'cell')} unresolved"
    match comparison.answer:
        case "no-go":
            shown = f"{fmt.plural(worse, 'score')} got worse by more than accepted, {fmt.plural(fallen, 'claim')} fell"
        case "go":
            shown = "on every cell that decides, a loss beyond the accepted one is excluded, or nothing changed"
        case _:
            unsure = [c for c in required if c.answer == "inconclusive"]
            drops = [c.smallest_drop for c in unsure if c.smallest_drop is not None and not c.blind]
            blind = sum(c.blind for c in unsure)
            shown = "no loss beyond the accepted one is shown"
            if drops:
                shown += f"; smallest drops that could be seen: {fmt.number(min(drops))} to {fmt.number(max(drops))}"
            if blind:
                shown += f"; {fmt.plural(blind, 'cell')} could not show any"
    return f"{comparison.answer}: {shown}{missing}; {open_cells}"


def _print_differences(differences: Sequence[Difference], console: Console) -> None:
    """What may explain a change, the first ones."""
    for difference in differences[:_DIFFERENCES]:
        console.print(Text(visible(f"differs: {difference.key} {difference.first} → {difference.second}"), "dim"))
    if len(differences) > _DIFFERENCES:
        console.print(Text(f"and {len(differences) - _DIFFERENCES} more; --json has them all", "dim"))


def print_history(trends: Sequence[Trend], console: Console) -> None:
    """Each benchmark's newest median beside those before. Advice only."""
    rows = [
        (
            visible(trend.name),
            str(len(trend.entries)) + ("" if trend.machines == 1 else f" on {trend.machines} machines"),
            _milliseconds(trend.entries[-1].median),
            "–" if trend.ratio is None else _change(trend.ratio),
            trend.entries[0].when[:10],
            trend.entries[-1].when[:10],
        )
        for trend in trends
    ]
    _table(console, ("benchmark", "runs", "newest, ms", "against earlier", "from", "to"), rows, right=2)
    console.print(Text("Stored times of shared machines differ by more than most regressions: advice, no verdict."))


def _table(
    console: Console, titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: int, tones: bool = False
) -> None:
    """`right`: the first column of numbers; `tones`: the last column is a verdict."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, title in enumerate(titles):
        number = right <= index < len(titles) - tones
        table.add_column(title, justify="right" if number else "left", no_wrap=number, overflow="fold")
    for row in rows:
        *cells, last = row
        table.add_row(
            *(Text(visible(cell)) for cell in cells), Text(visible(last), _TONES.get(last, "") if tones else "")
        )
    console.print(table)


def _relative(change: Any) -> str:
    if not change.before or change.after is None:
        return "new" if change.before is None else "gone"
    return fmt.signed(100 * (change.after / change.before - 1), digits=2) + "%"


def _change(ratio: float) -> str:
    return fmt.signed(100 * (ratio - 1), digits=1) + "%"


def _bounds(clocked: Clocked) -> str:
    return f"{_change(clocked.slowdown.low)} to {_change(clocked.slowdown.high)}"


def _delta(change: ScoreChange) -> str:
    if change.delta is None:
        return fmt.NONE
    low, high = change.delta.tested_interval or (None, None)
    return f"{fmt.signed(change.delta.estimate)} {fmt.signed_interval(low, high)}".rstrip()


def _milliseconds(seconds: float) -> str:
    return fmt.fixed(1000 * seconds, digits=1)
