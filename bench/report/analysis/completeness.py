"""Whether a run is complete: the one answer that the report prints and that commands exit with.

Contract: pure. A run is complete where every job has its result, every eval that gives scores scored at least one
subject, every claim had what it needs, and no mark depends on missing scores. A claim that the data leave open
(`inconclusive`) is complete.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.errors import ExitCode
from bench.record.record import Record
from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.analysis.run_facts.absence import Absence
from bench.report.analysis.run_facts.subjects import is_own_reference, subjects
from bench.report.analysis.scores.results import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingScores:
    """An arm, or a base, whose missing scores decide a mark or a claim. share: of its scores on the measurand."""

    arm: str
    measurand: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """What a run lacks."""

    jobs: int
    """Jobs of the run."""
    missing_jobs: int
    """Jobs without a result that counts."""
    unscored: tuple[str, ...]
    """Measurands whose jobs are done and gave no subject a score."""
    undecided_claims: int
    """Claims that lack what they need (`incomplete`)."""
    missing_scores: tuple[MissingScores, ...]
    """Arms whose missing scores decide a mark or a claim: it changes if they are as bad, or as good, as can be."""

    @property
    def complete(self) -> bool:
        """Whether nothing is lacking."""
        return not (self.missing_jobs or self.unscored or self.undecided_claims or self.missing_scores)

    @property
    def exit_code(self) -> ExitCode:
        """Exit code of every command that ends with this run's report."""
        return ExitCode.OK if self.complete else ExitCode.INCOMPLETE


def completeness(
    record: Record,
    *,
    absences: Sequence[Absence],
    results: Mapping[tuple[str, str], Result],
    claims: Sequence[ClaimResult],
) -> Completeness:
    """What the run of `record` lacks."""
    return Completeness(
        jobs=len(record.jobs),
        missing_jobs=len(absences),
        unscored=_unscored(record, results),
        undecided_claims=sum(claim.verdict.outcome == "incomplete" for claim in claims),
        missing_scores=_missing_scores(results, claims),
    )


def _missing_scores(
    results: Mapping[tuple[str, str], Result], claims: Sequence[ClaimResult]
) -> tuple[MissingScores, ...]:
    """Each arm and measurand once, marks before claims."""
    compared = [
        (contrast.arm, contrast.reference, contrast.measurand, contrast.delta.bounds)
        for result in results.values()
        for contrast in (result.versus_base, result.versus_control)
        if contrast is not None and contrast.delta.missing_decides
    ]
    for claim in claims:
        if claim.verdict.missing_scores is not None:
            left, _, right = claim.claim.parts()
            comparison = claim.delta or claim.ratio
            compared.append((left, right, claim.claim.measure, None if comparison is None else comparison.bounds))
    shares: dict[tuple[str, str], float] = {}
    for arm, reference, measurand, bounds in compared:
        if bounds is not None:
            shares.setdefault((arm, measurand), bounds.missing)
            shares.setdefault((reference, measurand), bounds.reference_missing or 0.0)
    return tuple(MissingScores(arm=arm, measurand=name, share=share) for (arm, name), share in shares.items() if share)


def _unscored(record: Record, results: Mapping[tuple[str, str], Result]) -> tuple[str, ...]:
    """Measurands without any score, of evals that are done for some subject, in the suite's order."""
    evaluated = {evaluation.eval for evaluation in record.evaluations if evaluation.result is not None}
    by_arm = subjects(record)
    scored: dict[str, bool] = {}
    for result in results.values():
        measurand = result.measurand
        # a judge's own reference is a tie with itself: no judge was asked for it
        defined = is_own_reference(record, measurand.eval, by_arm[result.arm])
        has_score = not defined and any(value is not None for value in result.by_seed)
        scored[measurand.name] = scored.get(measurand.name, False) or has_score or measurand.eval not in evaluated
    return tuple(name for name, some in scored.items() if not some)
