"""How often the claims of a run were looked at, and what this reading adds to that.

Contract: pure functions of the record, which holds the looks that came before the run.
"""

from collections.abc import Sequence

from bench.record.look import ClaimLook, Look, Offer, claim_key, question_of
from bench.record.record import Record
from bench.report.analysis.run_facts.subjects import planned_arms, subjects
from bench.stats.conclusions.claim_types import ClaimVerdict, Looks
from bench.stats.conclusions.information import Size, information
from bench.stats.conclusions.sequential import Spending
from bench.stats.noise.variance import Components
from bench.suite.tables.arms.arms import is_base
from bench.suite.tables.conclusions.claim import Claim
from bench.suite.tables.evals.eval_spec import examples_asked


def size_now(claim: Claim, record: Record) -> Size:
    """Trainings of both sides, and examples of the eval."""
    names = subjects(record)
    left, _, right = claim.parts()
    trainings = sum(len(names.get(side, ())) for side in dict.fromkeys((left, right)) if not is_base(side))
    return Size(trainings=trainings, examples=examples_of(record, claim.eval) or 1)


def size_at_most(claim: Claim, record: Record) -> Size:
    """Trainings of both sides, and examples of the eval, at the last planned look."""
    left, _, right = claim.parts()
    trainings = sum(most_seeds(record, side) for side in dict.fromkeys((left, right)) if not is_base(side))
    return Size(trainings=trainings, examples=most_examples(record, claim.eval) or 1)


def most_seeds(record: Record, arm: str) -> int:
    """Trainings of an arm at the last planned look: those that it has, where they were given or are another arm's."""
    plan, names = record.resolved.suite.sequential, subjects(record).get(arm, ())
    fixed = any(ref.name == arm and (ref.is_given or ref.deployed is not None) for ref in planned_arms(record))
    return len(names) if plan is None or fixed else max(len(names), plan.max_seeds)


def examples_of(record: Record, name: str | None) -> int | None:
    """Examples of an eval, of its task that has most: scored or not; `None` where no subject has a result."""
    counts = [
        measure.n + measure.missing
        for evaluation in record.evaluations
        if evaluation.eval == name and evaluation.result is not None
        for measure in evaluation.result.measures
    ]
    return max(counts, default=None)


def most_examples(record: Record, name: str | None) -> int | None:
    """Examples of an eval at the last planned look: those that it has, where it cannot grow or has no more."""
    suite, there = record.resolved.suite, examples_of(record, name)
    spec = next((spec for spec in suite.eval if spec.name == name), None)
    asked = None if spec is None else suite.examples_of(spec)
    if suite.sequential is None or asked is None or there is None or there < asked:
        return there
    return max(there, suite.sequential.max_examples.get(name or "", there))


def looks_at(claim: Claim, record: Record, parts: Components | None) -> Looks | None:
    """This look at a claim and those before it; `None` for one look at a suite that plans no others.

    A planned look has the share of the last look's information that its trainings and examples give. O'Brien and
    Fleming's spending leaves nearly all of the error to the last look, and so needs shares that do not depend on the
    scores: seeds that agree by chance would make both the share and the evidence larger. Looks that no suite planned
    are counted as if so many had been planned from the start, with equal care at each. An earlier look at more
    trainings, or examples, than there are now counts as well: taking them away is a further look, too.

    parts: of the variance of the comparison that the claim is about.
    """
    plan = record.resolved.suite.sequential
    now = size_now(claim, record)
    key = claim_key(claim)
    seen = [each for look in record.looks for each in look.claims if each.claim == key]
    before = [Size(trainings=each.trainings, examples=each.examples or now.examples) for each in seen]
    if now.trainings == 0 or (plan is None and not before):
        return None
    sizes = [now, *(size for size in before if size.trainings > 0)]
    planned = () if plan is None else (size_at_most(claim, record),)
    spending: Spending = "pocock" if plan is None else plan.chosen_spending
    shares = information([*sizes, *planned], now, parts if spending == "pocock" else None)[: len(sizes)]
    fractions = tuple(sorted(set(shares)))
    return Looks(
        fractions=fractions,
        place=fractions.index(shares[0]),
        spending=spending,
        count=len(before) + 1,
    )


def this_look(
    record: Record, claims: Sequence[tuple[Claim, ClaimVerdict]], *, offers: Sequence[Offer], run: str
) -> Look | None:
    """What was seen at this reading; `None` for a suite without claims, and before the run has ended."""
    if not claims or record.finished is None:
        return None
    suite = record.resolved.suite
    models = tuple(model.sha256 for model in record.resolved.bases().values())
    sizes = [size_now(claim, record) for claim, _ in claims]
    return Look(
        question=question_of(suite, models=models),
        run=run,
        created=record.created,
        claims=tuple(
            ClaimLook(
                claim=claim_key(claim),
                trainings=size.trainings,
                examples=examples_of(record, claim.eval),
                leaning=verdict.leaning,
                p_value=verdict.p_value,
            )
            for (claim, verdict), size in zip(claims, sizes, strict=True)
        ),
        seeds={arm.name: len(suite.seeds_of(arm.name)) for arm in planned_arms(record)},
        examples={
            spec.name: count
            for spec in suite.eval
            if examples_asked(spec) is not None and (count := examples_of(record, spec.name)) is not None
        },
        offers=tuple(offers),
    )
