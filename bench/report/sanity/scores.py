"""Checks of the scores: chance, nothing right, below the base, contamination, few seeds."""

from collections.abc import Iterator

from bench.record.record import Record
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.report.render import format as fmt
from bench.stats.estimates.delta import Delta
from bench.suite.tables.arms.arms import is_base

_LAST_BIT = 1e-9


def at_chance(record: Record, comparison: Comparison) -> Iterator[Finding]:
    for result in comparison.results.values():
        chance, value = result.measurand.chance, result.value
        if not chance or value.low is None or value.high is None or value.low > chance:
            continue
        reached = value.high >= chance
        interval = fmt.interval(value.low, value.high)
        detail = f"{fmt.number(value.mean)} {interval} {'includes' if reached else 'is below'} "
        if result.measurand.judged:
            name = "judged even" if reached else "judged behind"
            detail += f"{fmt.number(chance)}, a tie with what it is compared with"
        else:
            name = "at chance" if reached else "below chance"
            detail += f"chance, {fmt.number(chance)}"
        yield Finding(name=name, arm=result.arm, measurand=result.measurand.name, detail=detail)


def nothing_right(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """Training that leaves an arm without a single right answer has most likely gone wrong; a base without one cannot
    show what training costs."""
    for result in comparison.results.values():
        measurand, value = result.measurand, result.value
        if measurand.binary and measurand.higher_is_better and value.mean == 0:
            detail = f"none of {fmt.plural(value.n_examples, 'example')} is right"
            if is_base(result.arm):
                detail += ": the eval is too hard for it, or in a format that it does not know"
            else:
                detail += ", with any seed"
            yield Finding(name="nothing right", arm=result.arm, measurand=measurand.name, detail=detail)


def below_base(record: Record, comparison: Comparison) -> Iterator[Finding]:
    for result in comparison.results.values():
        contrast = result.versus_base
        if contrast is not None and contrast.reading in {"worse", "maybe worse"}:
            delta = contrast.delta
            seen = f"{fmt.signed(delta.estimate)} {fmt.signed_interval(delta.low, delta.high)} against the base"
            if contrast.reading == "maybe worse":
                seen += "; descriptive: not significant after Holm, or with one seed"
            yield Finding(name="below base", arm=result.arm, measurand=result.measurand.name, detail=seen)


def contaminated(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """The arm has read the exam, or a part of it."""
    for affected in comparison.contamination.arms:
        part = fmt.percent(affected.found / affected.examples)
        share = f"{affected.found:,} of {fmt.plural(affected.examples, 'example')} ({part})"
        detail = f"{share} are in its training rows"
        versus = affected.versus_base
        if versus is not None and versus.clean.estimate is not None:
            without = f"{fmt.signed(versus.clean.estimate)} {fmt.signed_interval(versus.clean.low, versus.clean.high)}"
            detail += (
                f"; difference from {versus.reference}: {fmt.signed(versus.all.estimate)} with them, {without} without"
            )
        yield Finding(name="contaminated", arm=affected.arm, measurand=affected.measurand, detail=detail)


def same_as_base(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """An arm that scores exactly as the base on every example has most likely not been trained, or not been loaded.

    Where all answers are wrong, or all right, equal scores say nothing; nor do right and wrong answers alone of an arm
    whose next tokens were seen to differ from the base's: a few dozen may well be alike.
    """
    differs = {row.arm for row in comparison.applied if row.applied is not None and not row.applied.same_as_base}
    by_arm: dict[str, list[Delta]] = {}
    for result in comparison.results.values():
        mean, binary = result.value.mean or 0.0, result.measurand.binary
        telling = mean != 0 and not (binary and (mean == 1 or result.arm in differs))
        if result.versus_base is not None and result.versus_base.delta.n_examples and telling:
            by_arm.setdefault(result.arm, []).append(result.versus_base.delta)
    for arm, deltas in by_arm.items():
        if all(_no_difference(delta) for delta in deltas):
            examples = fmt.plural(max(delta.n_examples for delta in deltas), "example")
            detail = f"its scores on {fmt.plural(len(deltas), 'measure')} equal the base's on each of {examples}"
            yield Finding(name="same as base", arm=arm, measurand=None, detail=detail)


def _no_difference(delta: Delta) -> bool:
    """Whether every example scored alike; a mean over seeds may differ in its last bit."""
    ends = (delta.low, delta.high)
    return not (delta.n_better or delta.n_worse) or all(end is not None and abs(end) < _LAST_BIT for end in ends)


def few_seeds(record: Record, comparison: Comparison) -> Iterator[Finding]:
    if len(comparison.run.seeds) == 1 and comparison.measurands:
        detail = "one seed per arm: the intervals cover the noise of the examples, not that of repeating the training"
        yield Finding(name="example noise only", arm=None, measurand=None, detail=detail)
