"""Margins that no run could refute, on measures without an end: a loss, and costs. Those that span a scale are refused
by `bench.suite.checks`, before anything is known of models and data.

A loss has no highest value, but a guess among all tokens of the vocabulary loses its logarithm, and what learned
anything loses less. A cost has none either; the plan counts what each side computes, and no machine makes a hundred
times as much of it.
"""

from collections.abc import Iterator, Mapping
from math import log
from pathlib import Path

from bench.errors import InputError, Problem
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import ExactCounts
from bench.run.checks.counts import exact_counts
from bench.run.plan.types import Plan
from bench.run.process.server import ChildServer
from bench.suite.checks.models.template_tokens import embedding_rows
from bench.suite.tables.conclusions.claim import TARGET_COSTS, Claim

_BEYOND_PLAN = 100.0
"""Times that a cost may differ by more than what is counted: speed of kernels, memory of an optimiser's states."""
_BEYOND_QUALITY = 1_000.0
"""Times that two scores may differ by whose logarithms have an interval, for quality per cost."""


def check_margins(planned: Plan, *, home: Path, server: ChildServer) -> None:
    """Raises `InputError` for every claim on a loss or a cost whose margin no run could refute."""
    claims = {f"claim[{index}]": claim for index, claim in enumerate(planned.resolved.suite.claim)}
    wide = {where: claim for where, claim in claims.items() if claim.cost is not None and claim.margin >= _BEYOND_PLAN}
    counts: Mapping[str, ExactCounts] = {}
    if wide:
        sides = {side for claim in wide.values() for side in claim.parts()[::2]}
        jobs = [planned_job.job for planned_job in planned.jobs if planned_job.arm in sides]
        trainings = {job.arm: job for job in reversed(jobs) if isinstance(job, TrainJob)}
        counts = exact_counts(trainings, workers=1, home=home, server=server)
    problems = [*_of_losses(planned, claims), *_of_costs(wide, counts)]
    if problems:
        raise InputError(problems)


def _of_losses(planned: Plan, claims: Mapping[str, Claim]) -> Iterator[Problem]:
    suite = planned.resolved.suite
    losses = {spec.name for spec in suite.eval if spec.kind == "loss"}
    folders = [model.path for model in planned.resolved.bases().values() if model.unavailable is None]
    tokens = max((embedding_rows(Path(folder)) or 0 for folder in folders), default=0)
    for where, claim in claims.items():
        if claim.eval in losses and claim.per is None and tokens > 0 and claim.margin >= log(tokens):
            what = (
                f"margin {claim.margin:g} on {claim.on!r}: a guess among the {tokens:,} tokens of the vocabulary loses "
                f"{log(tokens):.1f}, so no score could decide it"
            )
            hint = "give the margin in nats per token, such as 0.02"
            yield Problem(reference="suite.claim", what=what, where=f"{where}.margin", hint=hint)


def _of_costs(claims: Mapping[str, Claim], counts: Mapping[str, ExactCounts]) -> Iterator[Problem]:
    """claims: on costs, by place. counts: of one training, by arm; a claim on an arm without is left alone."""
    for where, claim in claims.items():
        left, _, right = claim.parts()
        if left not in counts or right not in counts:
            continue
        planned = _planned_ratio(counts[left], counts[right])
        reach = _BEYOND_PLAN * planned * (1.0 if claim.eval is None else _BEYOND_QUALITY)
        if claim.eval is None and claim.cost in TARGET_COSTS:
            reach *= max(counts[left].steps, counts[right].steps)  # one may reach its target at the first step
        if claim.margin >= reach:
            what = (
                f"margin {claim.margin:g} on {claim.measure!r}, {1 + claim.margin:g} times as much: by the plan the "
                f"two sides compute within {planned:.3g} times of each other, so no run could decide it"
            )
            hint = "a margin of a cost is a share: 0.1 is 10%"
            yield Problem(reference="suite.claim", what=what, where=f"{where}.margin", hint=hint)


def _planned_ratio(left: ExactCounts, right: ExactCounts) -> float:
    """How many times as much one training computes as the other, by the count in which they differ most; 1 or more."""
    pairs = [
        (left.tokens, right.tokens),
        (left.supervised_tokens, right.supervised_tokens),
        (left.slots * left.parameters, right.slots * right.parameters),
    ]
    return max(max(pair) / max(1, min(pair)) for pair in pairs)
