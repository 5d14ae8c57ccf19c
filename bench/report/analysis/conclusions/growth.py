"""What of a run with planned looks may grow, and what growing costs, as such work took before.

Contract: pure functions of the record.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from statistics import fmean

from bench.record.record import AnswersRecord, EvaluationRecord, Record
from bench.report.analysis.conclusions.looks import examples_of, most_examples, most_seeds
from bench.report.analysis.run_facts.subjects import subjects, trainings_of
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
            arm=arm, seeds=len(there), left=most_seeds(record, arm) - len(there), seconds=_seconds(record, arm)
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


def _seconds(record: Record, arm: str) -> float | None:
    """Seconds of one more training of the arm with its evals: means of the jobs that were timed."""
    trained = [training.job.seconds for training in trainings_of(record, arm)]
    by_eval: dict[tuple[str, str], list[_Scoring]] = {}
    scorings: tuple[EvaluationRecord | AnswersRecord, ...] = (*record.evaluations, *record.answers)
    for scored in scorings:
        if scored.arm == arm and (scoring := _scoring(scored)) is not None:
            by_eval.setdefault((type(scored).__name__, scored.eval), []).append(scoring)
    known = [seconds for seconds in trained if seconds is not None]
    evals = sum(fmean(each.start + each.examples for each in timed) for timed in by_eval.values())
    return fmean(known) + evals if known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scoring:
    """Seconds of scoring one subject. start: without the examples. examples: of all, those included that were scored
    before."""

    start: float
    examples: float


def _scoring(scored: EvaluationRecord | AnswersRecord) -> _Scoring | None:
    """`None` where it was not timed, or nothing was new."""
    result, seconds = scored.result, scored.job.seconds
    if seconds is None:
        return None
    if result is None:
        return _Scoring(start=seconds, examples=0.0)
    if result.recalled_share >= 1.0:
        return None
    new = min(seconds, result.seconds.evaluation)
    return _Scoring(start=seconds - new, examples=new / (1.0 - result.recalled_share))


def _prices(record: Record, name: str, examples: int) -> dict[str, float | None]:
    """Prices of a `GrowingEval`: sums over the subjects, with the mean for those that were not timed."""
    prices = {"start_seconds": 0.0, "seconds": 0.0}
    for kind in (record.evaluations, record.answers):
        subjects_there = sum(scored.eval == name for scored in kind)
        timed = [scoring for scored in kind if scored.eval == name and (scoring := _scoring(scored)) is not None]
        if subjects_there and not timed:
            return dict.fromkeys(prices)
        if timed:
            prices["start_seconds"] += fmean(each.start for each in timed) * subjects_there
            prices["seconds"] += fmean(each.examples for each in timed) * subjects_there / examples
    return {**prices}
