"""What served models were asked in a run, and what that took.

Contract: pure functions of the record.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.record.record import Record
from bench.record.results.evals.endpoint_use import EndpointUse
from bench.report.analysis.run_facts.known import sum_of_all
from bench.report.analysis.run_facts.subjects import evaluations_of, subjects


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCost:
    """One served arm, or base, over all evals."""

    arm: str
    model: str
    """Name that the server gives its model."""
    host: str | None
    asked: int
    """Requests."""
    reused: int
    """Replies from disk, among those asked."""
    refused: int
    """Requests that were refused, whatever was tried."""
    prompt_tokens: float | None
    """Tokens of all replies; `None` where the server did not count."""
    completion_tokens: float | None
    cost: float | None
    """Cost of all replies, whenever paid for; `None` without a price."""
    currency: str | None


def endpoint_costs(record: Record) -> tuple[EndpointCost, ...]:
    """Each arm that a server answered for, in the suite's order, the base first."""
    costs = []
    for arm, names in subjects(record).items():
        results = [evaluation.result for subject in names for evaluation in evaluations_of(record, subject)]
        results += [answers.result for answers in record.answers if answers.subject in names]
        used = [result.endpoint for result in results if result is not None and result.endpoint is not None]
        if used:
            costs.append(_cost(arm, used))
    return tuple(costs)


def _cost(arm: str, used: Sequence[EndpointUse]) -> EndpointCost:
    return EndpointCost(
        arm=arm,
        model=used[0].model,
        host=used[0].host,
        asked=sum(use.asked for use in used),
        reused=sum(use.reused for use in used),
        refused=sum(use.refused for use in used),
        prompt_tokens=sum_of_all(use.prompt_tokens for use in used),
        completion_tokens=sum_of_all(use.completion_tokens for use in used),
        cost=sum_of_all(use.cost for use in used),
        currency=used[0].currency,
    )
