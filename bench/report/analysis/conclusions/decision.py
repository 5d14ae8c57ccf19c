"""Which arm to take, by the weights that the suite stated before the run.

Contract: pure. Every trained arm and every base is a candidate (`candidates.py`), in no deployed form. What is unknown
(one seed, a lost seed, scores that are missing) is never counted as certainty: the decision then names no arm to take.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from bench.record.record import Record
from bench.report.analysis.aligned.align import Aligned
from bench.report.analysis.aligned.deltas import Deltas
from bench.report.analysis.aligned.named import entry_named
from bench.report.analysis.conclusions.candidates import (
    WeighedArm,
    Weight,
    prior_of,
    weighed_arm,
    weighted_sum,
    weights_of,
    with_noise,
)
from bench.report.analysis.run_facts.subjects import subjects
from bench.stats.conclusions.decision import Candidates, Prospect, prospects
from bench.suite.tables.conclusions.decision import DecisionOptions

Outcome: TypeAlias = Literal["decided", "open", "incomplete"]


_MOST_REASONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One arm or base. value: weighted mean of its scores over seeds, as measured; `None` where an eval has none."""

    arm: str
    value: float | None
    by_seed: tuple[float, ...]
    """Weighted mean of each seed (or subset draw) that has a score on every eval."""
    prospect: Prospect | None
    gaps: tuple[str, ...]
    """What this option lacks, such as a seed's score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Which arm to take.

    decided: `pick` is the best option, or as good within the tolerance, with the stated confidence. open: the run does
    not show which. incomplete: scores are missing, so that the evidence for a pick is not what the suite asked for."""

    outcome: Outcome
    pick: str | None
    """The option with the smallest expected loss, decided or not; `None` where no option has a value."""
    runner_up: str | None
    """The option with the second smallest expected loss."""
    weights: tuple[Weight, ...]
    tolerance: float
    confidence: float
    options: tuple[Option, ...]
    """By rising expected loss; those without a value last."""
    reasons: tuple[str, ...]
    """Why nothing is decided."""
    moderated: int = 0
    """Arms whose seeds' noise was taken together; 0 where each has its own."""
    lone: tuple[str, ...] = ()
    """Arms of which nothing shows the noise of training."""

    @property
    def why_open(self) -> str:
        """The first reasons, and how many more there are."""
        more = len(self.reasons) - _MOST_REASONS
        said = "; ".join(self.reasons[:_MOST_REASONS])
        return f"{said}; and {more:,} more" if more > 0 else said

    @property
    def likeliest(self) -> str | None:
        """The option with the highest probability of being the best, which need not be the one that risks least."""
        chances = {row.arm: row.prospect.near_best for row in self.options if row.prospect is not None}
        return max(chances, key=lambda arm: chances[arm], default=None)

    def option(self, arm: str) -> Option:
        """The option of that name."""
        return next(option for option in self.options if option.arm == arm)


def decision(record: Record, aligned: Sequence[Aligned], deltas: Deltas) -> Decision | None:
    """The decision; `None` where the suite has no `[decision]`."""
    options = record.resolved.suite.decision
    if options is None:
        return None
    entries = {entry.measurand.name: entry for entry in aligned}
    named = {name: entry_named(name, record, entries) for name in options.weights}
    missing = [name for name, entry in named.items() if entry is None or not entry.examples]
    if missing:
        reasons = tuple(f"{name} has no score, or no measure that its tasks share" for name in missing)
        return _decision("incomplete", options, (), (), reasons)
    scored = {name: entry for name, entry in named.items() if entry is not None}
    weights = weights_of(options, scored)
    candidates = [
        weighed_arm(arm, names, weights, scored) for arm, names in subjects(record).items() if arm not in deltas.forms
    ]
    return _decide(options, weights, candidates, seed=deltas.seed)


def _decide(
    options: DecisionOptions, weights: tuple[Weight, ...], candidates: Sequence[WeighedArm], *, seed: int
) -> Decision:
    measured_arms = [candidate for candidate in candidates if candidate.known]
    if not measured_arms:
        gaps = tuple(gap for candidate in candidates for gap in candidate.gaps)
        return _decision(
            "incomplete", options, weights, tuple(_option(candidate, None) for candidate in candidates), gaps
        )
    measured = with_noise(weights, measured_arms)
    table = prospects(measured, tolerance=options.tolerance, seed=seed)
    by_arm = {candidate.arm: prospect for candidate, prospect in zip(measured_arms, table, strict=True)}
    ordered = sorted(candidates, key=lambda c: by_arm[c.arm].expected_loss if c.known else np.inf)
    rows = tuple(_option(candidate, by_arm.get(candidate.arm)) for candidate in ordered)
    outcome, reasons = _outcome(options, weights, candidates, rows, measured, seed=seed)
    prior = prior_of(weights, measured_arms)
    return replace(
        _decision(outcome, options, weights, rows, reasons),
        moderated=prior.arms if prior is not None and prior.usable else 0,
        lone=tuple(candidate.arm for candidate in measured_arms if candidate.lone),
    )


def _option(candidate: WeighedArm, prospect: Prospect | None) -> Option:
    return Option(
        arm=candidate.arm,
        value=float(candidate.values.mean()) if candidate.known else None,
        by_seed=tuple(float(value) for value in candidate.values),
        prospect=prospect,
        gaps=candidate.gaps,
    )


def _outcome(
    options: DecisionOptions,
    weights: Sequence[Weight],
    candidates: Sequence[WeighedArm],
    rows: Sequence[Option],
    measured: Candidates,
    *,
    seed: int,
) -> tuple[Outcome, tuple[str, ...]]:
    """Whether the first of `rows` is to be taken, and if not, why."""
    pick, first = rows[0].arm, rows[0].prospect
    lost = [gap for candidate in candidates for gap in candidate.gaps if " has no score on " in gap]
    if lost:
        return "incomplete", tuple(lost)
    assert first is not None, "the options without a value are last"
    if first.near_best < options.confidence:
        return "open", (f"no option is the best with the {options.confidence:.0%} asked for",)
    measured_arms = [candidate for candidate in candidates if candidate.known]
    if any(candidate.lone for candidate in measured_arms):
        return "open", ("with one seed of an arm the noise of training is unknown",)
    gaps = [gap for candidate in candidates for gap in candidate.gaps]
    if gaps and not _robust(options, weights, measured_arms, measured, pick, seed=seed):
        return "incomplete", tuple(gaps)
    return "decided", ()


def _robust(
    options: DecisionOptions,
    weights: Sequence[Weight],
    measured_arms: Sequence[WeighedArm],
    measured: Candidates,
    pick: str,
    *,
    seed: int,
) -> bool:
    """Whether the pick stays the same where its missing scores are the worst possible and those of the others the
    best."""
    values = []
    for candidate in measured_arms:
        assert candidate.parts is not None, "known"
        worst = candidate.arm == pick
        ends = []
        for weight, part in zip(weights, candidate.parts, strict=True):
            end = part.low if worst == (weight.scale > 0) else part.high
            if end is None and candidate.gaps:
                return False
            ends.append(part.values if end is None else end)
        values.append(float(weighted_sum(weights, ends).mean()))
    bounded = replace(measured, values=np.array(values))
    table = prospects(bounded, tolerance=options.tolerance, seed=seed)
    bounded_pick = next(
        prospect for candidate, prospect in zip(measured_arms, table, strict=True) if candidate.arm == pick
    )
    return bounded_pick.near_best >= options.confidence


def _decision(
    outcome: Outcome,
    options: DecisionOptions,
    weights: tuple[Weight, ...],
    rows: tuple[Option, ...],
    reasons: tuple[str, ...],
) -> Decision:
    valued = [row.arm for row in rows if row.value is not None]
    return Decision(
        outcome=outcome,
        pick=valued[0] if valued else None,
        runner_up=valued[1] if len(valued) > 1 else None,
        weights=weights,
        tolerance=options.tolerance,
        confidence=options.confidence,
        options=rows,
        reasons=reasons,
    )
