"""Tables of simulations: what is promised, what was found, and whether the promise is kept.

Contract: a finding is a share of independent runs, printed in percent with Wilson's binomial 95% interval. A promise is
*kept* where the share is inside of it, *missed* where the whole interval is outside, and *within error* in between.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy import stats

RUNS = 2_000
Verdict = Literal["kept", "within error", "missed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Runs in which something came true. promised: lowest and highest percent; `None` where nothing is promised."""

    hits: int
    runs: int
    promised: tuple[float, float] | None = None

    @property
    def percent(self) -> float:
        return 100.0 * self.hits / self.runs

    @property
    def interval(self) -> tuple[float, float]:
        ends = stats.binomtest(self.hits, self.runs).proportion_ci(method="wilson")
        return 100.0 * ends.low, 100.0 * ends.high

    @property
    def promise(self) -> str | None:
        match self.promised:
            case None:
                return None
            case (0.0, high):
                return f"≤ {high:g}%"
            case (low, 100.0):
                return f"≥ {low:g}%"
            case (low, high):
                return f"{low:g} to {high:g}%"

    @property
    def verdict(self) -> Verdict | None:
        if self.promised is None:
            return None
        (low, high), (lowest, highest) = self.promised, self.interval
        if low <= self.percent <= high:
            return "kept"
        return "missed" if highest < low or lowest > high else "within error"

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.percent:.1f}% [{low:.1f}, {high:.1f}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A finding that is no share of runs."""

    text: str
    promise: str | None = None
    verdict: Verdict | None = None

    def __str__(self) -> str:
        return self.text


Cell = Share | Note
Measure = Callable[[int], Sequence[Cell]]
"""The findings of one case, from so many runs: a cell for each column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """about: what is simulated, in sentences. cases: by name."""

    title: str
    about: str
    columns: tuple[str, ...]
    cases: Mapping[str, Measure]

    def lines(self, runs: int, part: str, verdicts: list[Verdict]) -> Iterator[str]:
        """Markdown, line by line, of the cases with `part` in their name; each row's verdict is added to `verdicts`."""
        yield f"\n## {self.title}\n\n{self.about}\n"
        yield _row(["case", "promised", *self.columns, ""])
        yield _row(["---", "---:", *["---:"] * len(self.columns), "---"])
        for name, measure in self.cases.items():
            if part in name:
                cells = measure(runs)
                verdict = worst(cells)
                verdicts += [] if verdict is None else [verdict]
                promised = ", ".join(cell.promise for cell in cells if cell.promise)
                yield _row([name, promised or "–", *map(str, cells), verdict or ""])


def worst(cells: Sequence[Cell]) -> Verdict | None:
    """Verdict of a row: its worst cell's; `None` where it promises nothing."""
    found = {cell.verdict for cell in cells}
    order: tuple[Verdict, ...] = ("missed", "within error", "kept")
    return next((verdict for verdict in order if verdict in found), None)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
