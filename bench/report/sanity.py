"""What a reader must know before trusting a cell: sanity verdicts, computed from the record and the comparison.

Contract: pure. Each check is one function of a `Comparison`; `CHECKS` is the list of all of them. A check states what
it saw with its figure; it never removes the cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.record.record import NOTHING_SUPERVISED, TrainingRecord
from bench.report import format as fmt
from bench.report.comparison import Comparison
from bench.report.cost import TOLERANCE, largest_excess
from bench.report.sweeps import arm_sweeps, contexts
from bench.report.training import endings
from bench.stats.length_control import ALONE, LengthControlled
from bench.suite.judge import TIE
from bench.suite.suite import is_base

TRUNCATED_SHARE = 0.01
"""Rows cut at max_length are worth a word from this share on."""

CONSISTENT_SHARE = 0.6
"""A judge that tosses a coin agrees with itself in half of the pairs; GPT-4 did in 65% (Zheng et al. 2023, table 2)."""
UNREAD_SHARE = 0.05
"""Replies without a verdict are worth a word from this share on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One verdict on one cell, or on one arm, or on the whole run."""

    name: str
    """Such as `at chance`."""
    arm: str | None
    measurand: str | None
    detail: str
    """What was seen, with its figure."""


def findings(comparison: Comparison) -> tuple[Finding, ...]:
    """All verdicts, in the order of `CHECKS`."""
    return tuple(finding for check in CHECKS for finding in check(comparison))


def _at_chance(comparison: Comparison) -> Iterator[Finding]:
    for result in comparison.results.values():
        chance, value = result.measurand.chance, result.value
        if not chance or value.low is None or value.high is None or value.low > chance:
            continue
        reached = value.high >= chance
        interval = fmt.interval(value.low, value.high)
        detail = f"{fmt.number(value.mean)} {interval} {'includes' if reached else 'lies below'} "
        if result.measurand.kind == "judge":
            name = "judged even" if reached else "judged behind"
            detail += f"{fmt.number(chance)}, a tie with what it is compared with"
        else:
            name = "at chance" if reached else "below chance"
            detail += f"chance, {fmt.number(chance)}"
        yield Finding(name=name, arm=result.arm, measurand=result.measurand.name, detail=detail)


def _length_decides(comparison: Comparison) -> Iterator[Finding]:
    """A preference that goes with the length of the answers, and is not there at equal length."""
    for one in comparison.judged:
        found, value = one.controlled, comparison.results[one.arm, one.eval].value
        if found is None or value.low is None or value.high is None or value.low <= TIE <= value.high:
            continue
        by_length = found.length_effect is not None and abs(found.length_effect) >= ALONE
        if not by_length and _same_side(found, above=value.low > TIE):
            continue
        raw = f"win rate {fmt.number(value.mean)} {fmt.interval(value.low, value.high)}"
        equal = f"at equal length {found.reason or 'nothing can be said'}"
        if found.rate is not None and found.low is not None and found.high is not None:
            equal = f"{fmt.number(found.rate)} {fmt.interval(found.low, found.high)} at equal length"
        detail = f"{raw}, {equal}; the longer answer won {fmt.percent(one.longer_won, digits=0)} of the preferences"
        yield Finding(name="length decides", arm=one.arm, measurand=one.eval, detail=detail)


def _same_side(found: LengthControlled, *, above: bool) -> bool:
    """Whether the rate at equal length is resolved from a tie, on that side of it."""
    if found.low is None or found.high is None:
        return False
    return found.low > TIE if above else found.high < TIE


def _nothing_right(comparison: Comparison) -> Iterator[Finding]:
    """Training that leaves an arm without a single right answer has most likely gone wrong; a base without one cannot
    show what training costs."""
    for result in comparison.results.values():
        measurand, value = result.measurand, result.value
        if measurand.binary and measurand.higher_is_better and value.mean == 0:
            detail = f"none of {fmt.plural(value.n_examples, 'example')} is right"
            if is_base(result.arm):
                detail += ": too hard for it, or asked in a form that it does not know"
            else:
                detail += ", with any seed"
            yield Finding(name="nothing right", arm=result.arm, measurand=measurand.name, detail=detail)


def _below_base(comparison: Comparison) -> Iterator[Finding]:
    for result in comparison.results.values():
        contrast = result.versus_base
        if contrast is not None and contrast.reading in {"worse", "maybe worse"}:
            delta = contrast.delta
            seen = f"{fmt.signed(delta.estimate)} {fmt.signed_interval(delta.low, delta.high)} against the base"
            yield Finding(name="below base", arm=result.arm, measurand=result.measurand.name, detail=seen)


def _contaminated(comparison: Comparison) -> Iterator[Finding]:
    """The arm has read the exam, or a part of it."""
    for one in comparison.contamination.arms:
        share = f"{one.found:,} of {fmt.plural(one.examples, 'example')} ({fmt.percent(one.found / one.examples)})"
        detail = f"{share} stand in its training rows"
        versus = one.versus_base
        if versus is not None and versus.clean.estimate is not None:
            without = f"{fmt.signed(versus.clean.estimate)} {fmt.signed_interval(versus.clean.low, versus.clean.high)}"
            detail += f"; − {versus.reference} is {fmt.signed(versus.all.estimate)} with them, {without} without"
        yield Finding(name="contaminated", arm=one.arm, measurand=one.measurand, detail=detail)


def _judge_inconsistent(comparison: Comparison) -> Iterator[Finding]:
    """A judge that prefers by position says nothing about the answers."""
    for one in comparison.judged:
        total, share = one.total, one.total.consistency
        if share is None or share >= CONSISTENT_SHARE:
            continue
        pairs = fmt.plural(total.wins + total.losses + total.flips + one.ties, "pair")
        detail = f"{total.judge} holds to its verdict in both orders in only {fmt.percent(share)} of {pairs}"
        if one.shown_first is not None:
            detail += f"; {fmt.percent(one.shown_first)} of its preferences are for the answer shown first"
        yield Finding(name="judge inconsistent", arm=one.arm, measurand=one.eval, detail=detail)


def _verdicts_unread(comparison: Comparison) -> Iterator[Finding]:
    for one in comparison.judged:
        total = one.total
        lost = total.unread + total.rejected
        if lost > UNREAD_SHARE * total.asked:
            parts = [
                f"{total.unread:,} without a verdict",
                *([f"{total.rejected:,} refused"] if total.rejected else []),
            ]
            detail = f"{lost:,} of {total.asked:,} replies of {total.judge} say nothing: {', '.join(parts)}"
            yield Finding(name="verdicts unread", arm=one.arm, measurand=one.eval, detail=detail)


def _diverged(comparison: Comparison) -> Iterator[Finding]:
    for training in comparison.record.trainings:
        failed = training.job.failure is not None and training.job.failure.kind == "diverged"
        if failed or (training.result is not None and training.result.diverged):
            yield _of_training("diverged", training, f"the loss of seed {training.seed} was not finite, or ran away")


def _truncated(comparison: Comparison) -> Iterator[Finding]:
    for arm, trainings in _by_arm(comparison).items():
        seen = sum(t.result.ledger.rows for t in trainings if t.result is not None)
        cut = sum(t.result.ledger.truncated_rows for t in trainings if t.result is not None)
        if seen and cut / seen >= TRUNCATED_SHARE:
            detail = f"{fmt.percent(cut / seen)} of the rows seen were cut at the maximum length"
            yield Finding(name="truncated", arm=arm, measurand=None, detail=detail)


def _unsupervised(comparison: Comparison) -> Iterator[Finding]:
    for training in comparison.record.trainings:
        failure = training.job.failure
        if failure is not None and failure.message == NOTHING_SUPERVISED:
            yield _of_training("no supervised tokens", training, f"seed {training.seed}: {failure.message}")
        if training.result is None:
            continue
        ledger = training.result.ledger
        if ledger.supervised_tokens == 0:
            yield _of_training("no supervised tokens", training, f"seed {training.seed}: no label entered the loss")
        elif ledger.dropped_rows:
            detail = f"seed {training.seed}: {fmt.plural(ledger.dropped_rows, 'row')} had nothing to supervise"
            yield _of_training("rows dropped", training, detail)


def _template(comparison: Comparison) -> Iterator[Finding]:
    """Trained with one template, asked with another."""
    suite = comparison.record.resolved.suite
    wrapped = {spec.name for spec in suite.eval if spec.kind != "loss" and spec.template == "suite"}
    trained = {(t.arm, t.seed): t.result.template for t in comparison.record.trainings if t.result is not None}
    for evaluation in comparison.record.evaluations:
        if evaluation.result is None or evaluation.eval not in wrapped or evaluation.arm is None:
            continue
        own = trained.get((evaluation.arm, evaluation.seed or 0))
        if own is not None and own != evaluation.result.template:
            detail = f"{evaluation.subject} was trained with {own!r} and asked with {evaluation.result.template!r}"
            yield Finding(name="template mismatch", arm=evaluation.arm, measurand=evaluation.eval, detail=detail)


def _forms_differ(comparison: Comparison) -> Iterator[Finding]:
    """One side meets a form that it was not trained on: a part of the difference may be the form's."""
    trained = {t.result.template for t in comparison.record.trainings if t.result is not None}
    for spec in comparison.record.resolved.suite.eval:
        asked = {
            e.result.template for e in comparison.record.evaluations if e.eval == spec.name and e.result is not None
        }
        if "none" in asked and trained - {"none"}:
            names = fmt.listed(sorted(repr(name) for name in trained))
            detail = f"asked without a template; the arms were trained with {names}, the base was not: part of a "
            detail += 'difference may be the form\'s, which template = "suite" would show'
            yield Finding(name="bare prompts", arm=None, measurand=spec.name, detail=detail)


def _fallback_template(comparison: Comparison) -> Iterator[Finding]:
    notes = {t.result.template_note for t in comparison.record.trainings if t.result is not None}
    for note in sorted(note for note in notes if note):
        yield Finding(name="template", arm=None, measurand=None, detail=note)


def _missing_scores(comparison: Comparison) -> Iterator[Finding]:
    for measurand in comparison.measurands:
        mine = [comparison.results[arm, measurand.name].versus_base for arm in comparison.arms]
        deltas = [contrast.delta for contrast in mine if contrast is not None and contrast.delta.estimate is not None]
        if any(delta.n_missing for delta in deltas):
            left_out = sorted({delta.n_missing for delta in deltas})
            span = " to ".join(dict.fromkeys((fmt.count(left_out[0]), fmt.count(left_out[-1]))))
            total = fmt.plural(deltas[0].n_examples + deltas[0].n_missing, "example")
            detail = f"{span} of {total} lack a score of base or arm and are left out of that arm's difference"
            detail += _reasons(comparison, measurand.eval)
            yield Finding(name="scores missing", arm=None, measurand=measurand.name, detail=detail)


def _reasons(comparison: Comparison, name: str) -> str:
    """Why examples of an eval lack a score, each with the most examples that one subject lost to it."""
    found: dict[str, int] = {}
    for evaluation in comparison.record.evaluations:
        if evaluation.eval == name and evaluation.result is not None:
            for reason, examples in evaluation.result.unscored.items():
                found[reason] = max(found.get(reason, 0), examples)
    return ": " + ", ".join(f"{reason} ({examples:,})" for reason, examples in found.items()) if found else ""


def _cut_prompts(comparison: Comparison) -> Iterator[Finding]:
    cut: dict[str, int] = {}
    for evaluation in comparison.record.evaluations:
        if evaluation.result is not None and evaluation.result.truncated:
            cut[evaluation.eval] = max(cut.get(evaluation.eval, 0), evaluation.result.truncated)
    for name, examples in cut.items():
        detail = f"up to {fmt.plural(examples, 'example')} did not fit the model's context and were cut"
        yield Finding(name="examples cut", arm=None, measurand=name, detail=detail)


def _batch_sensitive(comparison: Comparison) -> Iterator[Finding]:
    """Answers that depend on what else stood in their batch are not the subject's alone."""
    for evaluation in comparison.record.evaluations:
        generated = None if evaluation.result is None else evaluation.result.generated
        if evaluation.result is not None and generated is not None and generated.differed:
            detail = (
                f"{evaluation.subject}: {generated.differed} of {fmt.plural(generated.checked, 'answer')} came out "
                f"otherwise when made alone ({evaluation.result.precision}): rounding depends on the batch"
            )
            yield Finding(
                name="batch matters", arm=evaluation.arm or evaluation.subject, measurand=evaluation.eval, detail=detail
            )


def _few_seeds(comparison: Comparison) -> Iterator[Finding]:
    if len(comparison.record.resolved.suite.seeds) == 1 and comparison.measurands:
        detail = "one seed per arm: the intervals hold the examples' noise only, not that of training again"
        yield Finding(name="example noise only", arm=None, measurand=None, detail=detail)


def _budget(comparison: Comparison) -> Iterator[Finding]:
    if (
        largest_excess(comparison.costs) is None
        and len({cost.budget.unit for cost in comparison.costs if cost.trains}) > 1
    ):
        detail = "the arms' budgets are in different units"
        yield Finding(name="budgets differ", arm=None, measurand=None, detail=detail)
    for cost in comparison.costs:
        if cost.excess is not None and cost.excess > TOLERANCE:
            unit = cost.budget.unit.replace("_", " ")
            detail = f"used {fmt.percent(cost.excess)} more {unit} than the arm that used least"
            yield Finding(name="budget mismatch", arm=cost.arm, measurand=None, detail=detail)


def _stopped_early(comparison: Comparison) -> Iterator[Finding]:
    """Validation ended it: it is shorter than what it is compared with."""
    for one in endings(comparison.record):
        if one.ending == "early" and one.unspent is not None and one.unspent > TOLERANCE:
            unit = one.budget.unit.replace("_", " ")
            detail = (
                f"seed {one.seed} ended at step {one.steps:,}, where its validation loss no longer fell, with "
                f"{fmt.percent(one.unspent)} of its {fmt.amount(one.budget.amount)} {unit} left"
            )
            yield Finding(name="stopped early", arm=one.arm, measurand=None, detail=detail)


def _sweep_edge(comparison: Comparison) -> Iterator[Finding]:
    for sweep in arm_sweeps(comparison.record):
        if sweep.edge is not None:
            detail = f"its sweep chose the {sweep.edge} rate, {sweep.chosen:g}: a better one may lie beyond"
            yield Finding(name="rate at the edge", arm=sweep.arm, measurand=None, detail=detail)


def _few_shots(comparison: Comparison) -> Iterator[Finding]:
    for context in contexts(comparison.record):
        if len(context.rows) < context.asked:
            detail = f"{context.subject} has {len(context.rows)} of {context.asked} rows in its context: no more fitted"
            yield Finding(name="fewer shots", arm=context.subject.partition("#")[0], measurand=None, detail=detail)


def _limit(comparison: Comparison) -> Iterator[Finding]:
    for measurand in comparison.measurands:
        if measurand.limit is not None:
            detail = f"only the first {measurand.limit:,} examples of each task were used"
            yield Finding(name="limited", arm=None, measurand=measurand.name, detail=detail)


def _shared_speed(comparison: Comparison) -> Iterator[Finding]:
    for cost in comparison.costs:
        if cost.tokens_per_second is None and cost.shared_tokens_per_second is not None:
            detail = "its speed was measured only while other jobs ran beside it"
            yield Finding(name="speed shared", arm=cost.arm, measurand=None, detail=detail)


CHECKS: tuple[Callable[[Comparison], Iterator[Finding]], ...] = (
    _diverged,
    _unsupervised,
    _template,
    _contaminated,
    _judge_inconsistent,
    _verdicts_unread,
    _length_decides,
    _below_base,
    _nothing_right,
    _at_chance,
    _budget,
    _stopped_early,
    _sweep_edge,
    _few_shots,
    _truncated,
    _cut_prompts,
    _batch_sensitive,
    _missing_scores,
    _few_seeds,
    _limit,
    _shared_speed,
    _forms_differ,
    _fallback_template,
)
"""Worst first. A failed job is not a finding: it has its own table."""


def _by_arm(comparison: Comparison) -> dict[str, list[TrainingRecord]]:
    trainings = comparison.record.trainings
    return {arm: [t for t in trainings if t.arm == arm] for arm in comparison.arms if not is_base(arm)}


def _of_training(name: str, training: TrainingRecord, detail: str) -> Finding:
    return Finding(name=name, arm=training.arm, measurand=None, detail=detail)
