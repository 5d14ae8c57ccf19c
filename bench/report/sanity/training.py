"""What happened in training: divergence, rows cut or without supervision, budgets, ends, rates, speeds."""

from collections.abc import Iterator, Sequence

from bench.record.record import Record, TrainingRecord
from bench.record.remarks import TRUNCATED_SHARE, TrainingCounts, training_remarks
from bench.record.results.training.ledger import LEAST_DISTURBING_SHARE
from bench.record.results.training.result import NOTHING_SUPERVISED
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.report.analysis.run_facts.subjects import planned_arms, trainings_of
from bench.report.analysis.training.costs.budget_match import TOLERANCE
from bench.report.render import format as fmt
from bench.suite.checks.data.subset_draws import draw_labels
from bench.suite.tables.arms.arms import is_base

UNSEEN_EPOCHS = 0.5
"""An arm that saw at most this share of its rows is worth a word."""


def diverged(record: Record, comparison: Comparison) -> Iterator[Finding]:
    for training in record.trainings:
        failed = training.job.failure is not None and training.job.failure.kind == "diverged"
        if failed or (training.result is not None and training.result.diverged):
            yield _of_training(
                "diverged", training, f"the loss of seed {training.seed} was not finite, or grew far beyond its start"
            )


def unsupervised(record: Record, comparison: Comparison) -> Iterator[Finding]:
    for training in record.trainings:
        failure = training.job.failure
        if failure is not None and failure.message.startswith(NOTHING_SUPERVISED):
            yield _of_training("no supervised tokens", training, f"seed {training.seed}: {failure.message}")
        if training.result is None:
            continue
        ledger = training.result.ledger
        if ledger.supervised_tokens == 0:
            yield _of_training("no supervised tokens", training, f"seed {training.seed}: no label entered the loss")
        elif ledger.dropped_rows:
            detail = f"seed {training.seed}: {fmt.plural(ledger.dropped_rows, 'row')} had nothing to supervise"
            yield _of_training("rows dropped", training, detail)
        if ledger.refused_rows:
            detail = f"seed {training.seed}: the template cannot print {fmt.plural(ledger.refused_rows, 'row')}"
            yield _of_training("rows dropped", training, detail)


def truncated(record: Record, comparison: Comparison) -> Iterator[Finding]:
    for arm, trainings in _by_arm(record, comparison).items():
        seen = sum(t.result.ledger.rows for t in trainings if t.result is not None)
        cut = sum(t.result.ledger.truncated_rows for t in trainings if t.result is not None)
        if seen and cut / seen >= TRUNCATED_SHARE:
            detail = f"{fmt.percent(cut / seen)} of the rows seen were cut at the maximum length"
            yield Finding(name="truncated", arm=arm, measurand=None, detail=detail)


def budget(record: Record, comparison: Comparison) -> Iterator[Finding]:
    if len(comparison.budget.units) > 1:
        detail = "the arms' budgets are in different units"
        yield Finding(name="budgets differ", arm=None, measurand=None, detail=detail)
    for cost in comparison.costs:
        if cost.budget is not None and cost.excess is not None and cost.excess > TOLERANCE:
            unit = cost.budget.unit.replace("_", " ")
            detail = f"used {fmt.percent(cost.excess)} more {unit} than the arm that used least"
            yield Finding(name="budget mismatch", arm=cost.arm, measurand=None, detail=detail)


def dose(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """A budget makes one measure equal; the others may be far apart."""
    spreads = {spread.measure: spread for spread in comparison.doses.spreads}
    if comparison.doses.unequal:
        parts = [spreads[measure].sentence for measure in comparison.doses.unequal]
        unit = comparison.budget.units[0].replace("_", " ") if len(comparison.budget.units) == 1 else None
        why = f"; the budget equals {unit}" if unit is not None and comparison.budget.matched else ""
        yield Finding(name="dose differs", arm=None, measurand=None, detail=f"{', '.join(parts)}{why}")


def one_draw(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """Noise of a random subset cannot be seen in one draw of it."""
    suite = record.resolved.suite
    several = {arm.data for arm in planned_arms(record) if draw_labels(suite, arm) is not None}
    for data in dict.fromkeys(arm.data for arm in planned_arms(record) if not arm.is_given):
        if suite.data[data].select.by == "random" and data not in several:
            detail = (
                f"the rows of {data} were drawn once: no interval covers what another draw would give "
                "(select.seeds draws several)"
            )
            yield Finding(name="one draw", arm=None, measurand=None, detail=detail)


def settings(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """Settings that work and do what hardly anybody wants, as the plan warned before; each once for an arm."""
    suite = record.resolved.suite
    recipes = {arm.name: suite.recipe[arm.recipe] for arm in suite.expand() if suite.trains(arm)}
    for training in record.trainings:
        if training.result is None or training.seed != suite.seeds[0]:
            continue
        ledger = training.result.ledger
        rows = round(ledger.rows / ledger.epochs) if ledger.epochs else ledger.distinct_rows
        counts = TrainingCounts(
            available_rows=rows,
            rows=ledger.rows,
            steps=ledger.steps,
            tokens=ledger.tokens,
            slots=ledger.slots,
            parameters=training.result.parameters,
            trainable_parameters=training.result.trainable_parameters,
        )
        for remark in training_remarks(recipes[training.arm], counts):
            yield Finding(name=remark.name, arm=training.arm, measurand=None, detail=f"{remark.what}; {remark.hint}")


def warm_starts(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """An arm that begins from another cost more than its own training."""
    suite = record.resolved.suite
    for arm in planned_arms(record):
        start = suite.start_of(arm)
        if start is not None and arm.deployed is None:
            detail = f"begins from {start.name}: tokens, seconds and memory are those of its own training alone"
            yield Finding(name="warm start", arm=arm.name, measurand=None, detail=detail)


def rows_unseen(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """An arm whose budget ended within the first epoch learned from a part of its rows."""
    for arm_dose in comparison.doses.arms:
        if arm_dose.epochs <= UNSEEN_EPOCHS:
            detail = f"training saw {fmt.percent(arm_dose.epochs)} of the rows: the budget ended within the first epoch"
            yield Finding(name="rows unseen", arm=arm_dose.arm, measurand=None, detail=detail)


def peak_under_load(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """A device that gives far less than its own peak, or less than a training took of it, is shared with other
    programs."""
    for cost in comparison.costs:
        seen = []
        if cost.peaks_under_load:
            peaks = fmt.plural(cost.peaks_under_load, "training")
            seen.append(
                f"after {peaks} the device gave less than two thirds of its highest measured peak: other programs were "
                "at work; this arm's speed is a lower bound"
            )
        if cost.faster_than_peak:
            faster = fmt.plural(cost.faster_than_peak, "training")
            seen.append(
                f"{faster} ran faster than the highest peak that was measured of the device: other programs were at "
                "work while it was measured; no share of it is given"
            )
        for detail in seen:
            yield Finding(name="peak under load", arm=cost.arm, measurand=None, detail=detail)


def stopped_early(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """Validation, or dev scores, ended it: it is shorter than what it is compared with."""
    for training in comparison.trainings:
        if training.ending == "early" and training.unspent is not None and training.unspent > TOLERANCE:
            unit = training.budget.unit.replace("_", " ")
            why = "its validation loss no longer fell" if training.evaluations else "its dev score no longer improved"
            detail = (
                f"seed {training.seed} ended at step {training.steps:,}, where {why}, "
                f"with {fmt.percent(training.unspent)} of its {fmt.amount(training.budget.amount)} {unit} left"
            )
            yield Finding(name="stopped early", arm=training.arm, measurand=None, detail=detail)


def sweep_edge(record: Record, comparison: Comparison) -> Iterator[Finding]:
    for sweep in comparison.sweeps:
        if sweep.edge is not None and sweep.chosen is not None:
            ((key, value),) = sweep.chosen.items()
            detail = f"its sweep chose the {sweep.edge} {key}, {value:g}: a better one may be outside the sweep"
            yield Finding(name="sweep at the edge", arm=sweep.arm, measurand=None, detail=detail)


def shared_speed(record: Record, comparison: Comparison) -> Iterator[Finding]:
    for cost in comparison.costs:
        if cost.tokens_per_second is None and cost.shared_tokens_per_second is not None:
            disturbed = cost.other_load is not None and cost.other_load > LEAST_DISTURBING_SHARE
            others = f"programs used {cost.other_load:.0%} of the processors" if disturbed else "jobs ran"
            detail = f"its speed was measured only while other {others}"
            yield Finding(name="speed shared", arm=cost.arm, measurand=None, detail=detail)


def _by_arm(record: Record, comparison: Comparison) -> dict[str, Sequence[TrainingRecord]]:
    return {arm: trainings_of(record, arm) for arm in comparison.arms if not is_base(arm)}


def _of_training(name: str, training: TrainingRecord, detail: str) -> Finding:
    return Finding(name=name, arm=training.arm, measurand=None, detail=detail)


def given(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """What differs between the suite's base and the one that given weights were trained on, as far as files say."""
    trainings: dict[tuple[str, str], list[int]] = {}
    for weights in comparison.given:
        for note in weights.notes:
            trainings.setdefault((weights.arm, note), []).append(weights.seed)
    for (arm, note), seeds in trainings.items():
        every = len(seeds) == sum(weights.arm == arm for weights in comparison.given)
        which = "" if every else f"seed {fmt.listed([str(seed) for seed in seeds])}: "
        yield Finding(name="given weights", arm=arm, measurand=None, detail=which + note)


def rows_changed(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """Rows that trained otherwise than their file has them: a column that nothing reads, turns merged or left out."""
    for name in dict.fromkeys(arm.data for arm in record.resolved.suite.expand()):
        data = record.resolved.data.get(name)
        for remark in () if data is None else data.remarks:
            yield Finding(name="rows not as they are", arm=None, measurand=None, detail=f"data {name}: {remark}")
