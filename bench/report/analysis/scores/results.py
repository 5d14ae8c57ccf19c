"""One arm on one measurand: its value, its paired contrasts with base and control, and what they show.

Contract: pure. Each eval that is not a diagnostic is one family for Holm's adjustment: all contrasts of its arms with
the base and with their controls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean, stdev
from typing import Literal, TypeAlias

from bench.record.record import Record
from bench.report.analysis.aligned.align import Aligned
from bench.report.analysis.aligned.deltas import Deltas
from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.run_facts.absence import Absence
from bench.report.analysis.run_facts.subjects import (
    arms_by_name,
    base_of,
    evaluations_of,
    is_own_reference,
    is_unanswerable,
    subjects,
)
from bench.stats.conclusions.multiplicity import holm
from bench.stats.conclusions.ranking import Rank, rank
from bench.stats.estimates.corpus import corpus_interval
from bench.stats.estimates.delta import LEVEL, Delta, detectable_at
from bench.stats.estimates.single import Estimate, score_interval
from bench.stats.samples.sample import Scores, layout
from bench.suite.catalog.answered_in_text import NO_LIKELIHOODS
from bench.suite.tables.arms.arms import is_base
from bench.suite.tables.evals.judge_measures import TIE

Reading: TypeAlias = Literal[
    "better", "worse", "maybe better", "maybe worse", "higher", "lower", "unresolved", "unknown"
]
"""What a contrast shows. better, worse: the interval excludes zero, Holm's p-value agrees, and the interval covers the
noise of training (two seeds at least); maybe: the interval alone excludes zero. Diagnostics are `higher` or `lower` by
their interval, never better or worse."""


_SAME = 1e-9
MOST_RANKED_ARMS = 10
"""Pairs grow with the square of the arms: beyond this many, no ranks are given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One arm against the base or its control, on one measurand."""

    arm: str
    measurand: str
    reference: str
    delta: Delta
    p_adjusted: float | None
    """Holm's; `None` for diagnostics, which are outside the family."""
    reading: Reading
    seeds: int
    """Seeds with a score, of the side that lost most."""
    seeds_asked: int
    detectable: float | None = None
    """The smallest true difference that is found with 80% power at the level of Holm's first step."""

    @property
    def short(self) -> bool:
        """Whether a side lost seeds: the mark says so."""
        return self.seeds < self.seeds_asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One arm (or the base) on one measurand."""

    arm: str
    measurand: Measurand
    value: Estimate
    """Mean over examples and seeds, with its interval."""
    by_seed: tuple[float | None, ...]
    """Each replicate's own value, over all examples that it has; `None` without a score."""
    right: tuple[int, int] | None
    """Right answers and all scored ones, of all seeds together, where scores are right or wrong and count alike; `None`
    where the value is no such share."""
    versus_base: Contrast | None
    versus_control: Contrast | None
    absent: tuple[Absence, ...]
    """Subjects of this arm without a score here."""
    not_applicable: str | None = None
    """Why this arm has no score here whatever happens."""

    @property
    def worst_seed(self) -> float | None:
        """The lowest value of a seed, the highest where lower is better; `None` without a score."""
        scores = [value for value in self.by_seed if value is not None]
        return (min if self.measurand.higher_is_better else max)(scores, default=None)

    @property
    def absent_word(self) -> str:
        """What is shown in the place of a score: `failed`, `not run yet`, `left out`, `n/a` or `no score`."""
        if self.not_applicable is not None:
            return "n/a"
        if not self.absent:
            return "no score"
        if all(absence.kind == "left_out" for absence in self.absent):
            return "left out"
        return "not run yet" if all(absence.status == "pending" for absence in self.absent) else "failed"


def results(
    record: Record, aligned: Sequence[Aligned], absences: Sequence[Absence], deltas: Deltas
) -> dict[tuple[str, str], Result]:
    """All results, by arm and measurand."""
    by_arm: dict[tuple[str, str], Result] = {}
    for entry in aligned:
        measured = {arm: _result(arm, entry, record, absences, deltas) for arm in entry.arms}
        for arm, result in _adjusted(entry.measurand, measured).items():
            by_arm[arm, entry.measurand.name] = result
    return by_arm


def _result(arm: str, entry: Aligned, record: Record, absences: Sequence[Absence], deltas: Deltas) -> Result:
    names = subjects(record)[arm]
    control = _control(arm, record)
    value, by_seed = _values(arm, names, entry, record, deltas)
    alone = is_base(arm) or entry.measurand.against_control
    return Result(
        arm=arm,
        measurand=entry.measurand,
        value=value,
        by_seed=by_seed,
        right=_right(entry, arm, value),
        versus_base=None if alone else _contrast(arm, base_of(record, arm), entry, deltas),
        versus_control=_contrast(arm, control, entry, deltas) if control in entry.arms else None,
        absent=tuple(a for a in absences if a.subject in names and a.eval == entry.measurand.eval),
        not_applicable=NO_LIKELIHOODS if is_unanswerable(record, arm, entry.measurand.eval) else None,
    )


def _values(
    arm: str, names: Sequence[str], entry: Aligned, record: Record, deltas: Deltas
) -> tuple[Estimate, tuple[float | None, ...]]:
    """The arm's value with its interval, and each replicate's own. names: of its subjects."""
    scores = entry.arms[arm]
    if not entry.measurand.per_example:
        reported = tuple(_reported(record, subject, entry.measurand) for subject in names)
        counts = entry.counts.get(arm)
        estimate = None
        if counts is not None:
            prior = deltas.seed_prior(entry)
            estimate = corpus_interval(counts, seed=deltas.seed, replicates=deltas.replicates, prior=prior)
        return estimate or _corpus_value(reported, examples=len(entry.examples)), reported
    by_seed = tuple(_row_value(scores, row) for row in range(scores.values.shape[0]))
    if is_own_reference(record, entry.measurand.eval, names):
        return _defined(by_seed, examples=int(scores.present.any(axis=0).sum())), by_seed
    prior = deltas.seed_prior(entry)
    return score_interval(scores, seed=deltas.seed, replicates=deltas.replicates, prior=prior), by_seed


def _right(entry: Aligned, arm: str, value: Estimate) -> tuple[int, int] | None:
    if not (entry.measurand.binary and entry.measurand.per_example) or value.mean is None:
        return None
    scored = entry.arms[arm].values[entry.arms[arm].present]
    right = float(scored.sum())
    share = scored.size > 0 and right.is_integer() and abs(right / scored.size - value.mean) < _SAME
    return (int(right), int(scored.size)) if share else None


def _control(arm: str, record: Record) -> str:
    """The name of the arm's control; empty for the base and for the control itself."""
    ref = arms_by_name(record).get(arm)
    return "" if ref is None else record.resolved.suite.control_of(ref) or ""


def _contrast(arm: str, reference: str, entry: Aligned, deltas: Deltas) -> Contrast:
    seeds, planned = min((_seeds(entry, side) for side in (arm, reference)), key=lambda pair: pair[0] / pair[1])
    return Contrast(
        arm=arm,
        measurand=entry.measurand.name,
        reference=reference,
        delta=deltas.between(entry, arm, reference),
        p_adjusted=None,
        reading="unknown",
        seeds=seeds,
        seeds_asked=planned,
    )


def _seeds(entry: Aligned, arm: str) -> tuple[int, int]:
    """Seeds with a score, and seeds that were asked for."""
    present = entry.counts[arm].present if arm in entry.counts else entry.arms[arm].present
    return int(present.any(axis=1).sum()), int(present.shape[0])


def _adjusted(measurand: Measurand, measured: Mapping[str, Result]) -> dict[str, Result]:
    """One measurand's results with Holm's p-values over its contrasts, and with what each contrast then shows."""
    family = [c for result in measured.values() for c in (result.versus_base, result.versus_control) if c is not None]
    diagnostic = measurand.role == "diagnostic"
    adjusted = [None] * len(family) if diagnostic else holm([contrast.delta.tested_p for contrast in family])
    level = LEVEL if diagnostic else 1.0 - (1.0 - LEVEL) / max(1, len(family))
    read = {
        (contrast.arm, contrast.reference): replace(
            contrast,
            p_adjusted=p,
            reading=reading_of(contrast.delta, p, measurand),
            detectable=detectable_at(contrast.delta, level),
        )
        for contrast, p in zip(family, adjusted, strict=True)
    }

    def said(contrast: Contrast | None) -> Contrast | None:
        return None if contrast is None else read[contrast.arm, contrast.reference]

    return {
        arm: replace(result, versus_base=said(result.versus_base), versus_control=said(result.versus_control))
        for arm, result in measured.items()
    }


def reading_of(delta: Delta, p_adjusted: float | None, measurand: Measurand) -> Reading:
    """Nothing is resolved whose interval includes zero, whatever the missing scores are."""
    interval = delta.tested_interval
    if delta.estimate is None or interval is None:
        return "unknown"
    if interval[0] <= 0 <= interval[1]:
        return "unresolved"
    higher = interval[0] > 0
    if measurand.role == "diagnostic":
        return "higher" if higher else "lower"
    agreed = delta.repeated and p_adjusted is not None and p_adjusted <= 1.0 - LEVEL
    if higher == measurand.higher_is_better:
        return "better" if agreed else "maybe better"
    return "worse" if agreed else "maybe worse"


def ranks(entry: Aligned, deltas: Deltas) -> tuple[Rank, ...]:
    """Ranks of the arms on one measurand, without the base, no more exact than the pairwise differences allow.

    None for a diagnostic, for scores without a common scale, for a lone arm, or for more than `MOST_RANKED_ARMS`.
    """
    arms = [arm for arm in entry.arms if not is_base(arm)]
    alone = entry.measurand.role == "diagnostic" or entry.measurand.against_control
    if alone or not 2 <= len(arms) <= MOST_RANKED_ARMS:
        return ()
    pairs = dict(deltas.between_any(entry, arm_name, other) for arm_name, other in combinations(arms, 2))
    return rank(arms, pairs, higher_is_better=entry.measurand.higher_is_better)


def _row_value(scores: Scores, row: int) -> float | None:
    """One replicate's value over the examples that it has: weighted mean per task, tasks equal."""
    seen = scores.present[row]
    if not seen.any() or (scores.strata is not None and set(scores.strata[seen]) != set(scores.strata)):
        return None
    plan = layout(scores.weights[seen], None, None if scores.strata is None else scores.strata[seen])
    return float(plan.mean(scores.values[row, seen]))


def _reported(record: Record, subject: str, measurand: Measurand) -> float | None:
    """A corpus metric as the eval gave it, tasks equal; `None` where a task has no value."""
    results = [e.result for e in evaluations_of(record, subject) if e.eval == measurand.eval]
    values = [
        measure.value
        for result in results
        if result is not None
        for measure in result.measures
        if measure.headline and measure.task in measurand.metrics
    ]
    present = [value for value in values if value is not None]
    return fmean(present) if present and len(present) == len(measurand.metrics) else None


def _corpus_value(by_seed: Sequence[float | None], *, examples: int) -> Estimate:
    """Mean over seeds, without an interval: the examples keep nothing that could be resampled."""
    present = tuple(value for value in by_seed if value is not None)
    return Estimate(
        mean=fmean(present) if present else None,
        low=None,
        high=None,
        level=LEVEL,
        standard_error=None,
        method="none",
        noise="none",
        reason="a corpus metric whose examples keep nothing that could be resampled",
        n_examples=examples,
        n_missing=0,
        seeds=len(present),
        seeds_failed=len(by_seed) - len(present),
        seed_values=present,
        seed_deviation=stdev(present) if len(present) > 1 else None,
        components=None,
    )


def _defined(by_seed: Sequence[float | None], *, examples: int) -> Estimate:
    """Value of the subject that a judge compares all others with: a tie by definition, without an interval."""
    estimate = _corpus_value([None if value is None else TIE for value in by_seed], examples=examples)
    return replace(estimate, reason="a tie with itself, by definition", seed_deviation=None)
