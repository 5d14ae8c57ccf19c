"""`bench gate quality`: whether a run's arms got worse than a stored run's, over the same examples.

Each arm's scores are compared with the same arm's in the other run, paired by example and, where both runs trained
with the same seeds, by seed. The policy is the `[gate]` of the checked run's suite. Required evals are one family for
Holm, advisory ones another; a cell that cannot differ, or has no interval, counts as one that found nothing. An answer
is `no-go` where the whole interval is below the accepted loss, `go` where it is above, else `inconclusive`. A claim
fails where the run refutes it and the stored run did not.

Contract: pure but for reading the two runs. A cell that cannot be compared makes the check incomplete, never green.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from bench.errors import ExitCode
from bench.gate.answer import FailOn, GateAnswer, exit_code, joint
from bench.gate.changes import ComparedCell, cells
from bench.report.analysis.across.comparable import Difference, other_differences
from bench.report.analysis.across.compare_runs import same_jobs
from bench.report.analysis.aligned.align import align
from bench.report.analysis.aligned.score_rows import Run, read_rows
from bench.report.compare import Verdicts, verdicts_of
from bench.stats.conclusions.claim_types import ALPHA, ClaimQuestion, ClaimVerdict
from bench.stats.conclusions.claims import decide_family
from bench.stats.estimates.delta import Delta, detectable_at
from bench.stats.estimates.paired import REPLICATES
from bench.suite.tables.conclusions.gate import Tier, Waiver


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreChange:
    """One arm on one eval, this run against the stored one."""

    arm: str
    eval: str
    tier: Tier
    margin: float
    """Accepted loss, in the eval's units."""
    before: float | None
    after: float | None
    delta: Delta | None
    paired_seeds: bool
    """Whether the n-th training of one run is compared with the n-th of the other; else seeds count as independent."""
    smallest_drop: float | None
    """Smallest true loss that this check ends with no-go in 80% of cases: the margin and the detectable effect at the
    level at which Holm may test it, beyond what missing scores leave open; `None` without an interval."""
    room: float | None
    """Largest loss that the eval's scale has from the stored score; `None` where that is unknown."""
    answer: GateAnswer
    why: str | None
    """Reason where nothing could be compared; `None` for every other cell."""
    waiver: Waiver | None
    """What accepts the loss of a cell with no-go today."""

    @property
    def blind(self) -> bool:
        """Whether even the largest possible loss would go unseen."""
        return self.smallest_drop is not None and self.room is not None and self.smallest_drop > self.room

    @property
    def decides(self) -> bool:
        """Whether the answer of the whole check depends on this cell."""
        return self.tier == "required" and self.waiver is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimChange:
    """One claim of this run's suite: verdicts of the stored run (`None`: it did not have it) and of this one."""

    says: str
    on: str
    before: str | None
    after: str
    waiver: Waiver | None

    @property
    def failed(self) -> bool:
        """Refuted now and not before, without a waiver."""
        return self.after == "refuted" and self.before != "refuted" and self.waiver is None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityComparison:
    """Findings of `bench gate quality`."""

    changes: tuple[ScoreChange, ...]
    claims: tuple[ClaimChange, ...]
    complete: bool
    """Whether this run's own report is complete and every required score could be compared."""
    expired: tuple[Waiver, ...]
    """Waivers of the policy that waive nothing any more."""
    fail_on: FailOn
    differences: tuple[Difference, ...]
    """What may explain a change: recipes, data, seeds, base, libraries, code, machine; the stored run is the first."""

    @property
    def unresolved(self) -> int:
        """Required cells without an answer."""
        return sum(change.decides and change.answer == "inconclusive" for change in self.changes)

    @property
    def answer(self) -> GateAnswer:
        """Answer of all required cells and claims together."""
        whole: GateAnswer = "go" if self.complete else "inconclusive"
        fallen: tuple[GateAnswer, ...] = ("no-go",) if any(claim.failed for claim in self.claims) else ()
        return joint([whole, *fallen, *(change.answer for change in self.changes if change.decides)])

    @property
    def exit_code(self) -> ExitCode:
        """1 where a required arm got worse or a claim fell, or with `fail_on` where a cell is open; 3 where something
        is missing."""
        code = exit_code(self.answer, self.fail_on)
        return code if code or self.complete else ExitCode.INCOMPLETE


def compare_quality(
    run: Run,
    against: Run,
    *,
    today: date,
    margin: float | None = None,
    fail_on: FailOn = "no-go",
    replicates: int = REPLICATES,
) -> QualityComparison:
    """`run` against the stored run, by the policy of `run`. Raises `InputError` where either cannot be read.

    margin: accepted loss in place of the one that the policy has for every eval; limits of single evals stay.
    """
    record, stored = run.load(), against.load()
    rows, stored_rows = read_rows(run, record), read_rows(against, stored)
    policy = record.resolved.suite.gate
    if margin is not None:
        policy = policy.model_copy(update={"margin": margin, "relative": None})
    compared = cells(
        {entry.measurand.name: entry for entry in align(record, rows)},
        {entry.measurand.name: entry for entry in align(stored, stored_rows)},
        policy,
        same_seeds=lambda arm: record.resolved.suite.seeds_of(arm) == stored.resolved.suite.seeds_of(arm),
        same_jobs=lambda arm, name: same_jobs((stored, record), arm, name),
        seed=int(record.digest[:8], 16),
        replicates=replicates,
    )
    valid = [waiver for waiver in policy.waiver if waiver.until >= today]
    changes = decided(compared, valid)
    verdicts = verdicts_of(record, rows, replicates=replicates)
    claims = _claims(verdicts, verdicts_of(stored, stored_rows, replicates=replicates), valid)
    return QualityComparison(
        changes=changes,
        claims=claims,
        complete=verdicts.completeness.complete
        and all(change.why is None for change in changes if change.tier == "required"),
        expired=tuple(waiver for waiver in policy.waiver if waiver.until < today),
        fail_on=fail_on,
        differences=other_differences(stored, record),
    )


def decided(compared: Sequence[ComparedCell], waivers: Sequence[Waiver]) -> tuple[ScoreChange, ...]:
    """The answer of every cell, with one family of tests for each tier. waivers: those that have not expired."""
    answered: dict[int, ScoreChange] = {}
    for tier in ("required", "advisory"):
        members = [(place, cell) for place, cell in enumerate(compared) if cell.tier == tier]
        verdicts = decide_family([_question(cell) for _, cell in members])
        for (place, cell), verdict in zip(members, verdicts, strict=True):
            answered[place] = _change(cell, verdict, len(members), waivers)
    return tuple(answered[place] for place in range(len(compared)))


def _question(cell: ComparedCell) -> ClaimQuestion:
    return ClaimQuestion(
        relation=">=", comparison=cell.delta, margin=cell.margin, higher_is_better=cell.higher_is_better
    )


def _change(cell: ComparedCell, verdict: ClaimVerdict, size: int, waivers: Sequence[Waiver]) -> ScoreChange:
    delta = cell.delta
    answer = _answer(cell, verdict)
    nothing = delta is None or delta.estimate is None
    return ScoreChange(
        arm=cell.arm,
        eval=cell.measurand,
        tier=cell.tier,
        margin=cell.margin,
        before=None if nothing else cell.before,
        after=None if nothing else cell.after,
        delta=delta,
        paired_seeds=cell.paired_seeds,
        smallest_drop=None if delta is None else _smallest_drop(delta, cell.margin, size),
        room=cell.room,
        answer=answer,
        why=cell.why or (verdict.reason if nothing else None),
        waiver=next((w for w in waivers if w.eval == cell.eval and w.arm in (None, cell.arm)), None)
        if answer == "no-go"
        else None,
    )


def _answer(cell: ComparedCell, verdict: ClaimVerdict) -> GateAnswer:
    if cell.delta is None or cell.delta.estimate is None:
        return "inconclusive"
    if cell.same or verdict.outcome == "supported":
        return "go"
    return "no-go" if verdict.outcome == "refuted" else "inconclusive"


def _smallest_drop(delta: Delta, margin: float, size: int) -> float | None:
    effect = detectable_at(delta, 1.0 - ALPHA / max(1, size))
    unseen = 0.0 if delta.bounds is None else delta.bounds.highest - delta.bounds.lowest
    return None if effect is None else margin + unseen + effect


def _claims(now: Verdicts, before: Verdicts, waivers: Sequence[Waiver]) -> tuple[ClaimChange, ...]:
    outcomes = {(result.claim.says, result.claim.on): result.verdict.outcome for result in before.claims}
    return tuple(
        ClaimChange(
            says=result.claim.says,
            on=result.claim.on,
            before=outcomes.get((result.claim.says, result.claim.on)),
            after=result.verdict.outcome,
            waiver=next((waiver for waiver in waivers if waiver.claim == result.claim.says), None),
        )
        for result in now.claims
    )
