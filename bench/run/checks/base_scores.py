"""The base's scores before the first training: an eval that cannot tell arms apart is found while it costs nothing.

Contract: reads the base's results and nothing else. A finding stops the run where the eval cannot answer: no score, no
readable answer, nothing to gain on a target, nothing to forget on a retention eval. A target at chance is only noted:
an arm may still gain.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.errors import Problem
from bench.record.record import JobOutcome
from bench.record.results.evals.evaluation import EvalResult, Measure, ScoreRow
from bench.record.store import JobStore
from bench.run.plan.types import Plan
from bench.suite.tables.evals.eval_spec import EvalSpec

_TAIL = 0.025
_PASSING = frozenset({"dependency", "unavailable"})
"""Failures that say nothing about the eval: a hub or an endpoint may answer again, and the other evals go on."""
_LIMIT_HINTS = {
    "run.limits.seconds": "raise run.limits.seconds, or score fewer examples: every arm needs as long; --go-on trains "
    "all the same",
    "run.limits.memory_gib": "raise run.limits.memory_gib: every arm needs as much; --go-on trains all the same",
}
"""The next step where the run's own limit ended an eval, by the key that the failure names."""
_HINT = "fix the eval, take another one, or train all the same with --go-on"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseScores:
    """One base's result on one eval."""

    base: str
    eval: EvalSpec
    result: EvalResult
    rows: Sequence[ScoreRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseProblem:
    """What a base's scores say of an eval."""

    problem: Problem
    stops: bool


def failed(base: str, spec: EvalSpec, message: str) -> BaseProblem:
    """An eval that failed on the base, and so will on every arm; what a limit of the run ended is no faulty eval."""
    limit = next((hint for key, hint in _LIMIT_HINTS.items() if key in message), None)
    reference, verb = ("failed", "failed") if limit is None else ("limit", "was ended by a limit of the run")
    what = f"eval {spec.name!r} {verb} on {base}: {message}"
    return _finding(reference, spec, what, hint=limit)


def findings(scores: BaseScores) -> Iterator[BaseProblem]:
    """All that stops, or is worth knowing, of one eval. Evals without measures (`questions`) have none."""
    leading = [measure for measure in scores.result.measures if measure.headline]
    for measure in leading:
        yield from _of_measure(scores, measure, many=len(leading) > 1)


def _of_measure(scores: BaseScores, measure: Measure, *, many: bool) -> Iterator[BaseProblem]:
    spec = scores.eval
    where = f"eval {spec.name!r}" + (f", task {measure.task!r}" if many else "")
    if measure.value is None or measure.n == 0:
        why = next(iter(scores.result.unscored), "no reason is known")
        yield _finding("no-score", spec, f"{where}: {scores.base} has no score: {why}")
        return
    rows = [row for row in scores.rows if row.task == measure.task]
    if spec.kind == "judge" or spec.role == "diagnostic":
        return
    answers = [row for row in rows if row.output is not None]
    if answers and all(row.without_answer for row in answers):
        what = f"{where}: no answer of {scores.base} could be read ({len(answers):,} answers)"
        yield _finding("no-answer", spec, what)
    elif not measure.binary:
        return
    elif spec.role == "target" and measure.value == 1.0 and measure.higher_is_better:
        yield _finding("ceiling", spec, f"{where}: {scores.base} has all {measure.n:,} right: nothing can be gained")
    elif measure.chance is not None and _at_chance(measure):
        low = f"{measure.value:.3f} by {measure.metric}, chance is {measure.chance:.3f}"
        if spec.role == "retention":
            yield _finding("chance", spec, f"{where}: {scores.base} is at chance ({low}): nothing can be forgotten")
        else:
            yield _finding("chance", spec, f"{where}: {scores.base} is at chance ({low})", stops=False)


def _at_chance(measure: Measure) -> bool:
    """Whether the 95% interval of a right-or-wrong score (Wilson) reaches down to chance."""
    from bench.stats.curves.binary import wilson_bound  # scipy; a finished run never gets here

    assert measure.value is not None, "asked of scores"
    assert measure.chance is not None, "asked of measures with one"
    right = round(measure.value * measure.n)
    return right == 0 or float(wilson_bound(right, measure.n, _TAIL)) <= measure.chance


def _finding(reference: str, spec: EvalSpec, what: str, *, stops: bool = True, hint: str | None = None) -> BaseProblem:
    problem = Problem(reference=f"base.{reference}", what=what, where=f"eval {spec.name!r}", hint=hint or _HINT)
    return BaseProblem(problem=problem, stops=stops)


def base_findings(
    planned: Plan, outcomes: Mapping[str, JobOutcome], store: JobStore, *, but: Collection[str] = ()
) -> list[BaseProblem]:
    """Findings on all evals of the bases that this run asks for, of earlier results too, but for the evals `but`."""
    collected: list[BaseProblem] = []
    for planned_job in planned.jobs:
        if planned_job.arm is not None or not planned_job.selected or planned_job.stuck:
            continue
        job = planned_job.eval_job
        if job is None or job.eval.name in but:
            continue
        outcome = outcomes.get(planned_job.digest)
        failure = None if outcome is None else outcome.failure
        if failure is not None:
            if failure.kind not in _PASSING:
                collected.append(failed(job.subject, job.eval, failure.message))
        elif (result := store.eval_result(job)) is not None:
            rows = store.scores(job)
            collected += findings(BaseScores(base=job.subject, eval=job.eval, result=result, rows=rows))
    return collected
