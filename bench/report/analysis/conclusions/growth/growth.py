"""What of a run with planned looks may grow, and what growing costs, as such work took before.

Contract: pure functions of the record.
"""

from collections.abc import Collection
from dataclasses import dataclass
from statistics import fmean

from bench.record.record import Record
from bench.report.analysis.conclusions.claims.looks import examples_of, most_examples, most_seeds
from bench.report.analysis.run_facts.subjects import subjects
from bench.report.analysis.run_facts.work import arm_work, scoring_of
from bench.suite.tables.evals.eval_spec import examples_asked


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowingArm:
    """An arm with its trainings, and how many more are planned. seconds: of one more training with its evals; `None`
    where none was timed."""

    arm: str
    seeds: int
    left: int
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowingEval:
    """An eval that may be bought more examples, of each of its tasks. step: how many are bought at once. start_seconds,
    seconds: of beginning to score all subjects again, and of one example of them all; `None` where none was timed."""

    eval: str
    examples: int
    most: int
    step: int
    start_seconds: float | None
    seconds: float | None

    def price(self, examples: int) -> float | None:
        """Seconds of so many more examples."""
        if self.seconds is None or self.start_seconds is None:
            return None
        return self.start_seconds + examples * self.seconds if examples else 0.0


def growing_arms(record: Record, names: Collection[str]) -> dict[str, GrowingArm]:
    """The arms of these names, in the suite's order."""
    return {
        arm: GrowingArm(
            arm=arm, seeds=len(there), left=most_seeds(record, arm) - len(there), seconds=arm_work(record, arm).seconds
        )
        for arm, there in subjects(record).items()
        if arm in names
    }


def growing_evals(record: Record, names: Collection[str | None]) -> tuple[GrowingEval, ...]:
    """Evals of these names whose examples the suite plans to add to."""
    suite = record.resolved.suite
    assert suite.sequential is not None, "asked of suites that plan looks"
    growing = []
    for spec in suite.eval:
        step, there = examples_asked(spec), examples_of(record, spec.name)
        if spec.name in names and spec.name in suite.sequential.max_examples and step and there:
            growing.append(
                GrowingEval(
                    eval=spec.name,
                    examples=there,
                    most=most_examples(record, spec.name) or there,
                    step=step,
                    **_prices(record, spec.name, there),
                )
            )
    return tuple(growing)


def _prices(record: Record, name: str, examples: int) -> dict[str, float | None]:
    """Prices of a `GrowingEval`: sums over the subjects, with the mean for those that were not timed."""
    prices = {"start_seconds": 0.0, "seconds": 0.0}
    for kind in (record.evaluations, record.answers):
        subjects_there = sum(scored.eval == name for scored in kind)
        timed = [scoring for scored in kind if scored.eval == name and (scoring := scoring_of(scored)) is not None]
        if subjects_there and not timed:
            return dict.fromkeys(prices)
        if timed:
            prices["start_seconds"] += fmean(each.start for each in timed) * subjects_there
            prices["seconds"] += fmean(each.examples for each in timed) * subjects_there / examples
    return {**prices}
