"""`bench gate quality`: whether a run's arms got worse than a stored run's, over the same examples.

Each arm's scores are compared with the same arm's in the other run, paired by example, on every eval that is no
diagnostic; all of these are one family for Holm. An arm got worse where the whole interval is below `-margin`. A
claim fails where the run refutes it and the stored run did not. What cannot be compared is said, and makes the check
incomplete, never green.

Contract: pure but for reading the two runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.errors import ExitCode
from bench.report.analysis.comparable import Difference, other_differences
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.align import Aligned, Run, align, read_rows
from bench.report.compare import compare_record
from bench.stats.claims import ClaimQuestion, ClaimVerdict, decide_family
from bench.stats.paired import REPLICATES, Delta, paired_delta
from bench.stats.sample import Scores

GateReading = Literal["worse", "better", "no worse", "unresolved", "missing"]
"""`no worse`: a loss of more than the margin is excluded. `unresolved`: neither that nor the contrary is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreChange:
    """One arm on one eval, this run against the stored one."""

    arm: str
    eval: str
    before: float | None
    after: float | None
    delta: Delta | None
    reading: GateReading
    why: str | None
    """Reason of `missing`; `None` for every other reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimChange:
    """One claim of this run's suite: verdicts of the stored run (`None`: it did not have it) and of this one."""

    says: str
    on: str
    before: str | None
    after: str

    @property
    def failed(self) -> bool:
        """Refuted now and not before."""
        return self.after == "refuted" and self.before != "refuted"


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityComparison:
    """What `bench gate quality` found."""

    margin: float
    changes: tuple[ScoreChange, ...]
    claims: tuple[ClaimChange, ...]
    complete: bool
    """Whether this run's own report is complete and every score could be compared."""
    differences: tuple[Difference, ...]
    """What may explain a change: recipes, data, seeds, base, libraries, code, machine; the stored run is the first."""

    @property
    def exit_code(self) -> ExitCode:
        """1 if an arm got worse or a claim fell; else 3 if something is missing."""
        if any(change.reading == "worse" for change in self.changes) or any(claim.failed for claim in self.claims):
            return ExitCode.GATE_FAILED
        return ExitCode.OK if self.complete else ExitCode.INCOMPLETE


def compare_quality(run: Run, against: Run, *, margin: float = 0.0, replicates: int = REPLICATES) -> QualityComparison:
    """`run` against the stored run. Raises `InputError` where either cannot be read."""
    record, stored = run.load(), against.load()
    rows, stored_rows = read_rows(run, record), read_rows(against, stored)
    now = {entry.measurand.name: entry for entry in align(record, rows)}
    before = {entry.measurand.name: entry for entry in align(stored, stored_rows)}
    changes = _changes(now, before, margin, seed=int(record.digest[:8], 16), replicates=replicates)
    comparison = compare_record(record, rows, replicates=replicates)
    claims = _claims(comparison, compare_record(stored, stored_rows, replicates=replicates))
    whole = comparison.completeness.complete and all(change.reading != "missing" for change in changes)
    return QualityComparison(
        margin=margin,
        changes=changes,
        claims=claims,
        complete=whole,
        differences=other_differences(stored, record),
    )


def _changes(
    now: dict[str, Aligned], before: dict[str, Aligned], margin: float, *, seed: int, replicates: int
) -> tuple[ScoreChange, ...]:
    """Every arm of the stored run on every eval that both were asked for; `base` included: it must not change."""
    pairs: list[tuple[str, str, Delta | None, str | None]] = []
    questions: list[ClaimQuestion] = []
    for name, old in before.items():
        new = now.get(name)
        if old.measurand.role == "diagnostic" or not old.measurand.per_example:
            continue
        for arm in old.arms:
            delta, why = _delta(arm, new, old, seed=seed, replicates=replicates)
            pairs.append((arm, name, delta, why))
            better = old.measurand.higher_is_better
            questions.append(ClaimQuestion(relation=">=", comparison=delta, margin=margin, higher_is_better=better))
    verdicts = decide_family(questions)
    return tuple(
        ScoreChange(
            arm=arm,
            eval=name,
            before=None if delta is None else delta.reference_mean,
            after=None if delta is None else delta.arm_mean,
            delta=delta,
            reading=_reading(delta, verdict, question),
            why=why or (verdict.reason if delta is not None and delta.estimate is None else None),
        )
        for (arm, name, delta, why), verdict, question in zip(pairs, verdicts, questions, strict=True)
    )


def _delta(
    arm: str, new: Aligned | None, old: Aligned, *, seed: int, replicates: int
) -> tuple[Delta | None, str | None]:
    """This run minus the stored one over the examples that both have; or why there is none."""
    if new is None:
        return None, "this run has no such eval"
    if arm not in new.arms:
        return None, "this run has no such arm"
    if dict(new.measurand.metrics) != dict(old.measurand.metrics):
        return None, "the eval's metrics differ"
    place = {example: index for index, example in enumerate(new.examples)}
    shared = [(place[example], index) for index, example in enumerate(old.examples) if example in place]
    if len(shared) < max(len(old.examples), len(new.examples)) or not shared:
        sizes = f"{len(old.examples):,} stored, {len(new.examples):,} in this run, {len(shared):,} in both"
        return None, f"the eval's examples differ: {sizes}"
    left = _ordered(new.arms[arm], [index for index, _ in shared])
    right = _ordered(old.arms[arm], range(len(old.examples)))
    if (left.binary, left.bounds) != (right.binary, right.bounds) or not np.array_equal(left.weights, right.weights):
        return None, "the eval weighs or scores its examples in another way"
    for scores, whose in ((left, "this"), (right, "the stored")):
        if not scores.present.any():
            return None, f"{whose} run has no score of it; its report says why"
    return paired_delta(left, right, seed=seed, replicates=replicates), None


def _ordered(scores: Scores, order: Sequence[int]) -> Scores:
    """The same scores with examples in another order, and labels numbered as they are first met."""
    index = np.asarray(order, dtype=np.int64)
    return Scores(
        values=scores.values[:, index],
        present=scores.present[:, index],
        weights=scores.weights[index],
        clusters=None if scores.clusters is None else _renumbered(scores.clusters[index]),
        strata=None if scores.strata is None else _renumbered(scores.strata[index]),
        draws=scores.draws,
        binary=scores.binary,
        bounds=scores.bounds,
        trained=scores.trained,
    )


def _renumbered(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    numbers: dict[int, int] = {}
    return np.asarray([numbers.setdefault(int(label), len(numbers)) for label in labels], dtype=np.int64)


def _reading(delta: Delta | None, verdict: ClaimVerdict, question: ClaimQuestion) -> GateReading:
    if delta is None or delta.estimate is None or verdict.outcome == "incomplete":
        return "missing"
    if verdict.outcome == "refuted":
        return "worse"
    gain = delta.estimate if question.higher_is_better else -delta.estimate
    resolved = delta.p_value is not None and delta.p_value < 0.05  # not adjusted: an improvement blocks nothing
    if resolved and gain > 0:
        return "better"
    return "no worse" if verdict.outcome == "supported" or delta.estimate == 0.0 else "unresolved"


def _claims(now: Comparison, before: Comparison) -> tuple[ClaimChange, ...]:
    outcomes = {(result.claim.says, result.claim.on): result.verdict.outcome for result in before.claims}
    return tuple(
        ClaimChange(
            says=result.claim.says,
            on=result.claim.on,
            before=outcomes.get((result.claim.says, result.claim.on)),
            after=result.verdict.outcome,
        )
        for result in now.claims
    )
