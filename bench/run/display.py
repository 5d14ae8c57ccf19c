"""Display of a run: a live table in a terminal, dated lines elsewhere, nothing where nothing is wanted.

Names and messages are shown as text: whatever they hold, it is no markup and no control code.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.control_codes import visible
from bench.emit import Event
from bench.record.record import Failure
from bench.run.plan.types import Plan
from bench.run.progress import Activity, HeadlineScores, Tally
from bench.units import plural

_LINE_SECONDS = 15.0
_LIVE_PER_SECOND = 4
_SILENCE_SECONDS = 120.0


class Display:
    """What a run reports while it is running; by itself it says nothing."""

    def note(self, text: str) -> None:
        """Something the user should know, one line."""

    def plan(self, plan: Plan) -> None:
        """What is going to be done."""

    def started(self, job_id: str) -> None:
        """A job's child is being started."""

    def dropped(self, job_id: str) -> None:
        """A planned job that turned out not to be needed."""

    def progress(self, job_id: str, event: Event) -> None:
        """An event of a job's child."""

    def ended(
        self, job_id: str, failure: Failure | None, seconds: float | None, *, reused: bool, scores: HeadlineScores = ()
    ) -> None:
        """A job is closed; an eval with its subject's scores."""

    def tick(self) -> None:
        """Time has passed, up to a second of it."""


@contextlib.contextmanager
def make_display(console: Console, *, quiet: bool = False) -> Iterator[Display]:
    """The display that fits the console; ends the live table however the run ends."""
    if quiet:
        yield QuietDisplay()
    elif console.is_terminal:
        display = LiveDisplay(console=console)
        with Live(console=console, refresh_per_second=_LIVE_PER_SECOND, transient=True, get_renderable=display.render):
            yield display
    else:
        plain = PlainDisplay(console=console)
        plain.note("resolving models, data and tasks")
        yield plain


class QuietDisplay(Display):
    """Says nothing; failures are in the report."""


@dataclass(slots=True, kw_only=True)
class PlainDisplay(Display):
    """A dated line per event; of a running job's progress at most one every 15 seconds; after two silent minutes a line
    on what is running."""

    console: Console
    tally: Tally = field(default_factory=Tally)
    clock: Callable[[], float] = time.monotonic
    _spoke: dict[str, float] = field(default_factory=dict)
    _last_line: float | None = None

    def note(self, text: str) -> None:
        """One line."""
        self._last_line = self.clock()
        line = Text(f"{datetime.now():%H:%M:%S} ") + Text(visible(text))
        self.console.print(line, soft_wrap=True)

    def plan(self, plan: Plan) -> None:
        """How much there is to do."""
        self.tally.plan(plan)
        self.note(summary(plan))

    def started(self, job_id: str) -> None:
        """A line, and the clock for its progress."""
        self.tally.started(job_id)
        self._spoke[job_id] = self.clock()
        self.note(f"start {job_id}")

    def dropped(self, job_id: str) -> None:
        """A planned job that turned out not to be needed."""
        self.tally.dropped(job_id)

    def progress(self, job_id: str, event: Event) -> None:
        """A line now and then."""
        self.tally.progress(job_id, event)
        now = self.clock()
        if job_id in self.tally.running and now - self._spoke.get(job_id, now) >= _LINE_SECONDS:
            self._spoke[job_id] = now
            self.note(f"  {job_id}: {', '.join(figures(self.tally.running[job_id]))}")

    def ended(
        self, job_id: str, failure: Failure | None, seconds: float | None, *, reused: bool, scores: HeadlineScores = ()
    ) -> None:
        """A line with the count of the run, and with the scores of an eval."""
        self.tally.ended(job_id, failure, seconds, scores)
        count = f"[{self.tally.done + self.tally.failed}/{self.tally.total}]"
        shown = ", ".join(f"{name} {value:.3f}" for name, value in scores)
        words = closing_words(job_id, failure, seconds, reused=reused)
        self.note(f"{count} {words}" + (f": {shown}" if shown else ""))

    def tick(self) -> None:
        """A line after a long silence: nobody should have to ask whether anything still happens."""
        if self._last_line is not None and self.clock() - self._last_line >= _SILENCE_SECONDS:
            self.note(self._working_on())

    def _working_on(self) -> str:
        if self.tally.total == 0:
            return "still resolving and checking models, data and tasks"
        running = ", ".join(self.tally.running) or "nothing of this run; waiting for another run's jobs"
        return f"{count_line(self.tally)}; running: {running}"


@dataclass(slots=True, kw_only=True)
class LiveDisplay(Display):
    """The running jobs with steps, loss and speed; above them the whole run. Failures stay as lines."""

    console: Console
    tally: Tally = field(default_factory=Tally)
    _headline: str = "resolving models, data and tasks"

    def note(self, text: str) -> None:
        """A line above the table that stays."""
        self.console.print(Text(visible(text)))

    def plan(self, plan: Plan) -> None:
        """Starts the count."""
        self.tally.plan(plan)
        self._headline = summary(plan)

    def started(self, job_id: str) -> None:
        """A new row."""
        self.tally.started(job_id)

    def dropped(self, job_id: str) -> None:
        """A planned job that turned out not to be needed."""
        self.tally.dropped(job_id)

    def progress(self, job_id: str, event: Event) -> None:
        """New figures in its row."""
        self.tally.progress(job_id, event)

    def ended(
        self, job_id: str, failure: Failure | None, seconds: float | None, *, reused: bool, scores: HeadlineScores = ()
    ) -> None:
        """Its row goes; a failure leaves a line, scores go into the table of results."""
        self.tally.ended(job_id, failure, seconds, scores)
        if failure is not None:
            self.console.print(Text(visible(closing_words(job_id, failure, seconds, reused=reused)), style="red"))

    def render(self) -> RenderableType:
        """The table as of now."""
        table = Table(box=None, pad_edge=False, show_header=False)
        for activity in list(self.tally.running.values()):
            bar = ProgressBar(total=activity.total, completed=activity.done or 0, width=20) if activity.total else ""
            table.add_row(Text(visible(activity.id), style="cyan"), bar, Text("  ".join(figures(activity))))
        results = results_table(self.tally) if self.tally.scores else Text("")
        return Group(Text(visible(self._headline), style="bold"), Text(count_line(self.tally)), table, results)


def results_table(tally: Tally) -> Table:
    """Results so far: mean over the seeds that are scored, by arm and eval, without intervals."""
    evals = list(dict.fromkeys(name for scores in tally.scores.values() for name in scores))
    table = Table(box=None, pad_edge=False, header_style="dim", title="so far", title_justify="left", title_style="dim")
    table.add_column("")
    for name in evals:
        table.add_column(Text(visible(name)), justify="right")
    for arm, scores in tally.scores.items():
        cells = [f"{fmean(scores[name]):.3f}" if name in scores else "" for name in evals]
        table.add_row(Text(visible(arm)), *cells)
    return table


def summary(plan: Plan) -> str:
    """One line: the run's size."""
    selected = [planned for planned in plan.jobs if planned.selected]
    reused, stuck = len(selected) - len(plan.to_do), len(plan.to_do) - len(plan.can_run)
    workers = f"{plural(plan.workers, 'worker')} × {plural(plan.threads, 'thread')}"
    jobs = plural(len(plan.can_run), "job")
    return (
        f"{plan.resolved.suite.name} ({plan.resolved.profile or 'no profile'}): {jobs} to run, "
        f"{reused} reused, {f'{stuck} that cannot run, ' if stuck else ''}{workers}"
    )


def count_line(tally: Tally) -> str:
    """One line: how far the run is."""
    jobs, arms = f"{tally.done + tally.failed}/{tally.total} jobs", f"{tally.arms_done}/{tally.arms_total} arms"
    parts = [jobs, f"{arms} (base included)"]
    if tally.failed:
        parts.append(f"{tally.failed} failed")
    left = tally.seconds_left
    parts.append("time left: not known yet" if left is None else f"about {duration(left)} left")
    return " · ".join(parts)


def figures(activity: Activity) -> list[str]:
    """What is known of a running job, ready to print."""
    parts = []
    if activity.done is not None:
        total = "?" if activity.total is None else activity.total
        parts.append(f"{activity.done}/{total} {activity.unit}".rstrip())
    if activity.loss is not None:
        parts.append(f"loss {activity.loss:.3f}")
    if activity.tokens_per_second is not None:
        parts.append(f"{activity.tokens_per_second:,.0f} tokens/s")
    return parts or ["starting"]


def closing_words(job_id: str, failure: Failure | None, seconds: float | None, *, reused: bool) -> str:
    """How a job ended, in one line."""
    if failure is not None:
        return f"{job_id} failed ({failure.kind.replace('_', ' ')}): {failure.message}"
    if reused:
        return f"{job_id} reused"
    return f"{job_id} done" + ("" if seconds is None else f" in {duration(seconds)}")


def duration(seconds: float) -> str:
    """`8.2 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 60:
        return f"{max(0.0, seconds):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
