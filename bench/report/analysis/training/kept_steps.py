"""Which step of each training was kept, by what it was chosen, and what the training took to reach the target.

Contract: pure functions of the record: of dev scores alone, never of the test examples.
"""

from dataclasses import dataclass

from bench.record.record import Record, TrainingRecord
from bench.report.analysis.run_facts.own_speed import own_speed
from bench.report.analysis.training.costs.cost_kinds import reached_step, spent_until


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptStep:
    """One training whose kept step was chosen."""

    arm: str
    seed: int
    by: str
    """The eval whose dev score chose."""
    step: int
    """The step that the arm's other evals score."""
    score: float | None
    """Its dev score: the best of several, which chance has helped."""
    evaluated: int
    """Steps that it was chosen from."""
    last_step: int
    last_score: float | None
    stopped_early: bool
    """Whether patience ended the training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What one training took until `evaluate_at.target`: to the first evaluated step that has it."""

    arm: str
    seed: int
    step: int | None
    """`None`: it did not reach the target."""
    tokens: int | None
    seconds: float | None
    """Time of forward, backward and optimiser; `None` too where other work ran beside the training."""


def kept_steps(record: Record) -> tuple[KeptStep, ...]:
    """One per training, in the record's order; empty unless the suite says `evaluate_at.keep = "best on EVAL"`."""
    asked = record.resolved.suite.evaluate_at
    by = None if asked is None else asked.keep_eval
    return tuple(kept for training in record.trainings if by and (kept := _kept(training, by)) is not None)


def _kept(training: TrainingRecord, by: str) -> KeptStep | None:
    result = training.result
    if result is None or not result.dev:
        return None
    scores = {point.step: point.score for point in result.dev}
    last = max(scores)
    step = last if result.kept_step is None else result.kept_step
    return KeptStep(
        arm=training.arm,
        seed=training.seed,
        by=by,
        step=step,
        score=scores.get(step),
        evaluated=len(scores),
        last_step=last,
        last_score=scores[last],
        stopped_early=result.stopped == "early",
    )


def reached(record: Record) -> tuple[Reached, ...]:
    """One per finished training, in the record's order; empty without `evaluate_at.target`."""
    if record.resolved.suite.evaluate_at is None or record.resolved.suite.evaluate_at.target is None:
        return ()
    found = []
    for training in record.trainings:
        if training.result is not None:
            step = reached_step(record, training.arm, training.seed)
            spent = spent_until(training.result, step)
            seconds = spent.seconds if own_speed(record, training) else None
            found.append(Reached(arm=training.arm, seed=training.seed, step=step, tokens=spent.tokens, seconds=seconds))
    return tuple(found)
