"""How often the claims of a run were looked at, and what this reading adds to that.

Contract: pure functions of the record, which holds the looks that came before the run.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.record.look import ClaimLook, Look, claim_key, question_of
from bench.record.record import Record
from bench.report.analysis.run_facts.subjects import subjects
from bench.stats.conclusions.claim_types import ClaimVerdict, Looks
from bench.suite.tables.conclusions.claim import Claim
from bench.suite.tables.suite import Suite, is_base


def trainings_of(claim: Claim, record: Record) -> int:
    """Trainings of both sides."""
    names = subjects(record)
    left, _, right = claim.parts()
    return sum(len(names.get(side, ())) for side in dict.fromkeys((left, right)) if not is_base(side))


def looks_at(claim: Claim, record: Record) -> Looks | None:
    """This look at a claim and those before it; `None` for one look at a suite that plans no others.

    A planned look's share of the information is that of its trainings in those of the last look. Looks that no suite
    planned are counted as if so many had been planned from the start, with equal care at each. An earlier look at more
    trainings than there are now counts as well: taking seeds away is a further look, too.
    """
    plan = record.resolved.suite.sequential
    now = trainings_of(claim, record)
    key = claim_key(claim)
    before = [seen.trainings for look in record.looks for seen in look.claims if seen.claim == key]
    if now == 0 or (plan is None and not before):
        return None
    steps = sorted({count for count in before if count > 0} | {now})
    last = steps[-1] if plan is None else max(steps[-1], most_trainings(claim, record.resolved.suite))
    return Looks(
        fractions=tuple(count / last for count in steps),
        place=steps.index(now),
        spending="pocock" if plan is None else plan.spending,
        count=len(before) + 1,
    )


def most_trainings(claim: Claim, suite: Suite) -> int:
    """Trainings of both sides at the last planned look."""
    assert suite.sequential is not None, "planned"
    left, _, right = claim.parts()
    return suite.sequential.max_seeds * sum(not is_base(side) for side in dict.fromkeys((left, right)))


def this_look(record: Record, claims: Sequence[tuple[Claim, ClaimVerdict]], *, run: str) -> Look | None:
    """What was seen at this reading; `None` for a suite without claims, and before the run has ended."""
    if not claims or record.finished is None:
        return None
    models = tuple(model.sha256 for model in record.resolved.bases().values())
    return Look(
        question=question_of(record.resolved.suite, models=models),
        run=run,
        created=record.created,
        claims=tuple(
            ClaimLook(
                claim=claim_key(claim),
                trainings=trainings_of(claim, record),
                leaning=verdict.leaning,
                p_value=verdict.p_value,
            )
            for claim, verdict in claims
        ),
    )
