"""What one more training of an arm and the scoring of a subject take, as such jobs took in the run.

Contract: pure functions of the record.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from bench.record.record import AnswersRecord, EvaluationRecord, Record
from bench.report.analysis.run_facts.subjects import scorings_of, trainings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """Seconds of scoring one subject on one eval. start: without the examples. examples: of all, those included that
    were scored before."""

    start: float
    examples: float

    @property
    def seconds(self) -> float:
        """Seconds of the whole."""
        return self.start + self.examples


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmWork:
    """What one more training of an arm takes: means of the jobs that were timed. training: `None` where none was."""

    training: float | None
    evals: Mapping[str, Scoring]
    """By eval."""

    @property
    def seconds(self) -> float | None:
        """Seconds of a training with its evals; `None` where no training was timed."""
        scoring = sum(scoring.seconds for scoring in self.evals.values())
        return None if self.training is None else self.training + scoring


def arm_work(record: Record, arm: str) -> ArmWork:
    """The work of an arm, or of a base, as it was timed. An eval whose answers come first has both jobs in its sum."""
    trained = [training.job.seconds for training in trainings_of(record, arm)]
    timed: dict[tuple[str, str], list[Scoring]] = {}
    for scored in scorings_of(record, arm):
        if (scoring := scoring_of(scored)) is not None:
            timed.setdefault((scored.eval, type(scored).__name__), []).append(scoring)
    evals: dict[str, Scoring] = {}
    for (name, _), jobs in timed.items():
        before = evals.get(name, Scoring(start=0.0, examples=0.0))
        evals[name] = Scoring(
            start=before.start + fmean(job.start for job in jobs),
            examples=before.examples + fmean(job.examples for job in jobs),
        )
    known = [seconds for seconds in trained if seconds is not None]
    return ArmWork(training=fmean(known) if known else None, evals=evals)


def scoring_of(scored: EvaluationRecord | AnswersRecord) -> Scoring | None:
    """Seconds of one job; `None` where it was not timed, or nothing was new."""
    result, seconds = scored.result, scored.job.seconds
    if seconds is None:
        return None
    if result is None:
        return Scoring(start=seconds, examples=0.0)
    if result.recalled_share >= 1.0:
        return None
    new = min(seconds, result.seconds.evaluation)
    return Scoring(start=seconds - new, examples=new / (1.0 - result.recalled_share))
