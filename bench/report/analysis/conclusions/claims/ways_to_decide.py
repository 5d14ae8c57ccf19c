"""What would decide an open claim, and what that takes: more examples of its eval, more seeds of its sides, or both.

Contract: pure. Work is that of both sides as such jobs took before, one after another; where examples are added,
replies that are there are not asked for again. The cheapest way comes first, and last what the eval has too few
examples for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from bench.record.record import EvaluationRecord, Record
from bench.report.analysis.conclusions.claims.claim_case import ClaimCase
from bench.report.analysis.run_facts.subjects import evaluations_of, subjects, trainings_of
from bench.report.analysis.run_facts.work import ArmWork, arm_work
from bench.report.render import format as fmt
from bench.stats.conclusions.claim_types import ClaimVerdict
from bench.stats.estimates.costs.ratio import Ratio
from bench.stats.estimates.delta import Delta
from bench.suite.tables.arms.arms import is_base
from bench.suite.tables.evals.eval_spec import examples_asked


@dataclass(frozen=True, slots=True, kw_only=True)
class WayToDecide:
    """Numbers that would decide a claim at 80% power if its estimate is true. examples: compared in all; seeds: of each
    trained side; `None` where as many as now are enough. spread: the number where the noise is as small, or as large,
    as it may well be. available: examples that the eval has; `None` where that is unknown."""

    examples: int | None
    examples_now: int
    seeds: int | None
    seeds_now: int
    spread: tuple[int | None, int | None] | None
    available: int | None
    seconds: float | None
    """Work that is added; `None` where no such work was timed."""

    @property
    def possible(self) -> bool:
        """Whether the eval has enough examples, as far as is known."""
        return self.examples is None or self.available is None or self.examples <= self.available

    def text(self, *, spread: bool = False) -> str:
        """`about 590 examples (now 40 of 1,000; 3 min more work)`; spread: with the range of the number."""
        reach = (
            _range(self.spread, of="range of the examples" if self.examples and self.seeds else "range")
            if spread
            else ""
        )
        of = f" of {self.available:,}" if self.examples and self.available is not None and self.possible else ""
        work = "" if self.seconds is None or not self.possible else f"; {fmt.about_seconds(self.seconds)} more work"
        seeds = f"{fmt.rounded(self.seeds or 0)} seeds"
        if self.examples is None:
            return f"{seeds} (now {self.seeds_now}{reach}{work})"
        if self.seeds is None:
            return f"about {fmt.rounded(self.examples)} examples (now {self.examples_now:,}{of}{reach}{work})"
        now = f"now {self.examples_now:,}{of} and {self.seeds_now}"
        return f"about {fmt.rounded(self.examples)} examples and {seeds} together ({now}{reach}{work})"


def ways_text(ways: tuple[WayToDecide, ...], *, spread: bool = False) -> str | None:
    """`22 seeds (now 2; 14 min more work); about 9,000 examples (now 160) would, too, but the eval has 2,376`;
    `None` without a way."""
    possible = " or ".join(way.text(spread=spread) for way in ways if way.possible)
    short = " or ".join(way.text(spread=spread) for way in ways if not way.possible)
    if not short:
        return possible or None
    has = f"the eval has {max(way.available or 0 for way in ways):,}"
    return f"{possible}; {short} would, too, but {has}" if possible else f"{short}, but {has}"


def ways_to_decide(
    case: ClaimCase, verdict: ClaimVerdict, compared: Delta | Ratio | None, record: Record
) -> tuple[WayToDecide, ...]:
    """The ways, best first: what is possible, by the work that it adds."""
    if compared is None:
        return ()
    ways = [_way(case, compared, record, numbers) for numbers in _numbers(verdict)]
    return tuple(sorted(ways, key=lambda way: (not way.possible, way.seconds is None, way.seconds or 0.0)))


_Numbers: TypeAlias = tuple[int | None, int | None, tuple[int | None, int | None] | None]
"""Examples, seeds, and the range of the one that is alone; of both together, that of the examples."""


def _numbers(verdict: ClaimVerdict) -> Iterator[_Numbers]:
    if verdict.needed_examples is not None:
        yield verdict.needed_examples, None, verdict.examples_range
    if verdict.needed_seeds is not None:
        yield None, verdict.needed_seeds, verdict.seeds_range
    if verdict.needed_together is not None:
        yield *verdict.needed_together, verdict.together_range


def _way(case: ClaimCase, compared: Delta | Ratio, record: Record, numbers: _Numbers) -> WayToDecide:
    examples, seeds, spread = numbers
    more = 0.0 if examples is None else max(0.0, examples / max(1, compared.n_examples) - 1.0)
    left, _, right = case.claim.parts()
    added = [_seconds(record, side, case.claim.eval, seeds, more) for side in dict.fromkeys((left, right))]
    known = [seconds for seconds in added if seconds is not None]
    return WayToDecide(
        examples=examples,
        examples_now=compared.n_examples,
        seeds=seeds,
        seeds_now=max(compared.arm_seeds, compared.reference_seeds),
        spread=spread,
        available=_available(case, record),
        seconds=sum(known) if len(known) == len(added) else None,
    )


def _seconds(record: Record, arm: str, name: str | None, seeds: int | None, more: float) -> float | None:
    """Seconds that a side adds. more: examples that are added, by those that are there."""
    work, there = arm_work(record, arm), len(subjects(record).get(arm, ()))
    scoring = work.evals.get(name or "")
    if more and scoring is None:
        return None
    grown = 0.0 if scoring is None or not more else scoring.start + more * scoring.examples
    new = 0 if seeds is None or is_base(arm) else max(0, seeds - there)
    one = _of_one(work, trains=bool(trainings_of(record, arm)))
    if new and one is None:
        return None
    longer = 0.0 if scoring is None else more * scoring.examples
    return there * grown + new * ((one or 0.0) + longer)


def _of_one(work: ArmWork, *, trains: bool) -> float | None:
    """Seconds of one more seed with its evals; what is not trained has its evals alone."""
    return work.seconds if trains else sum(scoring.seconds for scoring in work.evals.values())


def _available(case: ClaimCase, record: Record) -> int | None:
    """Examples that the claim's eval has, whatever its limit."""
    spec = next((spec for spec in record.resolved.suite.eval if spec.name == case.claim.eval), None)
    if spec is None or case.entry is None:
        return None
    rows = record.resolved.data.get(f"eval:{spec.name}")
    if rows is not None:
        return None if examples_asked(spec) is None else rows.source_rows - sum(rows.dropped.values())
    left, _, right = case.claim.parts()
    sides = (subject for side in (left, right) for subject in subjects(record).get(side, ()))
    scored = (entry for subject in sides for entry in evaluations_of(record, subject) if entry.eval == spec.name)
    return max((count for count in (_of_tasks(entry, case) for entry in scored) if count), default=None)


def _of_tasks(evaluation: EvaluationRecord, case: ClaimCase) -> int | None:
    """Examples of the tasks that the claim is about; `None` where a result does not say."""
    assert case.entry is not None, "asked before"
    there = {} if evaluation.result is None else evaluation.result.available
    metrics = case.entry.measurand.metrics
    return sum(there[task] for task in metrics) if there.keys() >= metrics.keys() and metrics else None


def _range(ends: tuple[int | None, int | None] | None, *, of: str) -> str:
    """`; range 380 to 1,200`: what is needed if the noise is as small, or as large, as it may well be. of: of what."""
    if ends is None or ends[0] is None or ends[0] == ends[1]:
        return ""
    return f"; {of} {fmt.rounded(ends[0])} to {'more than can be had' if ends[1] is None else fmt.rounded(ends[1])}"
