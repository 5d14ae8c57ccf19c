"""What drawing answers took, per eval and arm, and how much of a score's noise the drawing itself makes.

Contract: pure functions of the record; means over the seeds that have it, `None` where none has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.record.record import EvaluationRecord, Record
from bench.report.analysis.run_facts.known import mean_of_known
from bench.report.analysis.run_facts.own_speed import own_speed, unlike_name
from bench.report.analysis.run_facts.subjects import evaluations_of, subjects


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationCost:
    """One arm on one eval that draws answers."""

    eval: str
    arm: str
    answers: float
    samples: int
    """Per prompt."""
    tokens: float
    tokens_per_second: float | None
    """While no other job or program was at work beside it; `None` where something always was."""
    shared_tokens_per_second: float | None
    unlike_machine: str | None
    """Machine that `shared_tokens_per_second` was measured on, alone, where other arms were on another kind."""
    first_token_seconds: float | None
    """Seconds to the first token of a lone prompt, while nothing else of the run ran."""
    engine: str | None
    """Server that generated them; `None`: this program."""
    engine_compared: int
    """Answers that server and program both gave before, over the arm's seeds."""
    engine_equal: int
    """Answers among these that were the same text."""
    engine_own_tokens_per_second: float | None
    """Speed of this program on these prompts."""
    engine_tokens_per_second: float | None
    """Speed of the server on these prompts."""
    headline: str | None
    decoding_error: float | None
    """Standard error of the headline's value that drawing answers alone makes; `None` with one answer per prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineAnswers:
    """The answers to one eval that a server generated in place of this program."""

    eval: str
    engine: str
    arms: tuple[str, ...]
    compared: int
    """Answers that server and program both gave before, over these arms."""
    equal: int
    """Answers among these that were the same text."""
    own_tokens_per_second: float | None
    """Speed of this program on these prompts, mean over the arms."""
    tokens_per_second: float | None
    """Speed of the server on these prompts, mean over the arms."""


def engine_answers(costs: Sequence[GenerationCost]) -> tuple[EngineAnswers, ...]:
    """One per eval and server, in the order of `costs`."""
    served: dict[tuple[str, str], list[GenerationCost]] = {}
    for cost in costs:
        if cost.engine is not None:
            served.setdefault((cost.eval, cost.engine), []).append(cost)
    return tuple(
        EngineAnswers(
            eval=name,
            engine=engine,
            arms=tuple(cost.arm for cost in by_arm),
            compared=sum(cost.engine_compared for cost in by_arm),
            equal=sum(cost.engine_equal for cost in by_arm),
            own_tokens_per_second=mean_of_known(cost.engine_own_tokens_per_second for cost in by_arm),
            tokens_per_second=mean_of_known(cost.engine_tokens_per_second for cost in by_arm),
        )
        for (name, engine), by_arm in served.items()
    )


def generation_costs(record: Record) -> tuple[GenerationCost, ...]:
    """In the order of the suite's evals and arms."""
    costs = []
    for spec in record.resolved.suite.eval:
        for arm, names in subjects(record).items():
            evaluations = [e for subject in names for e in evaluations_of(record, subject) if e.eval == spec.name]
            evaluations = [e for e in evaluations if e.result is not None and e.result.generated is not None]
            if evaluations:
                costs.append(_cost(record, spec.name, arm, evaluations))
    return tuple(costs)


def _cost(record: Record, name: str, arm: str, evaluations: Sequence[EvaluationRecord]) -> GenerationCost:
    results = [evaluation.result for evaluation in evaluations if evaluation.result is not None]
    drawn = [result.generated for result in results if result.generated is not None]
    timed = [
        evaluation.result.generated
        for evaluation in evaluations
        if evaluation.result is not None and evaluation.result.generated and own_speed(record, evaluation)
    ]
    leading = [measure for result in results for measure in result.measures if measure.headline]
    engines = [result.engine for result in results if result.engine is not None]
    errors = [measure.decoding_error for measure in leading if measure.decoding_error is not None]
    return GenerationCost(
        eval=name,
        arm=arm,
        answers=fmean(generated.answers for generated in drawn),
        samples=drawn[0].samples,
        tokens=fmean(generated.tokens for generated in drawn),
        tokens_per_second=mean_of_known(generated.tokens_per_second for generated in timed),
        shared_tokens_per_second=mean_of_known(generated.tokens_per_second for generated in drawn),
        unlike_machine=unlike_name(record, evaluations),
        first_token_seconds=mean_of_known(generated.first_token_seconds for generated in timed),
        engine=engines[0].host if engines else None,
        engine_compared=sum(engine.compared for engine in engines),
        engine_equal=sum(engine.equal for engine in engines),
        engine_own_tokens_per_second=mean_of_known(engine.own_tokens_per_second for engine in engines),
        engine_tokens_per_second=mean_of_known(engine.tokens_per_second for engine in engines),
        headline=leading[0].metric if leading else None,
        decoding_error=fmean(errors) if errors else None,
    )
