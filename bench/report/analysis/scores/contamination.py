"""Results that rest on examples found in training rows, and the same results without these examples.

Contract: pure; from the record's own findings. A difference from a control leaves out what is contaminated for either
side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.record.record import Record
from bench.report.analysis.aligned.align import Aligned
from bench.report.analysis.aligned.deltas import Deltas
from bench.report.analysis.aligned.subset import without
from bench.report.analysis.run_facts.subjects import planned_arms
from bench.report.analysis.scores.results import Contrast, Result
from bench.stats.estimates.delta import Delta
from bench.suite.tables.arms.arms import ArmRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A contrast with and without the contaminated examples."""

    reference: str
    all: Delta
    clean: Delta
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contaminated:
    """One arm on one measurand. Counts are of examples."""

    arm: str
    measurand: str
    examples: int
    judged: int
    """Examples of the whole eval that are long enough to be judged."""
    found: int
    ngram: int
    versus_base: Cleaned | None
    versus_control: Cleaned | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One data set against one eval: that it was looked at, whatever was found."""

    data: str
    eval: str
    examples: int
    judged: int
    found: int

    @property
    def too_short(self) -> int:
        """Examples of fewer words than can be looked for."""
        return self.examples - self.judged

    @property
    def found_share(self) -> float | None:
        """Share of all examples that was found; `None` without an example."""
        return self.found / self.examples if self.examples else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """checked: empty where the run did not come to its end. arms: only those with something found."""

    ngram: int
    shortest: int
    checked: tuple[Checked, ...]
    arms: tuple[Contaminated, ...]


def contamination(
    record: Record, aligned: Sequence[Aligned], results: Mapping[tuple[str, str], Result], deltas: Deltas
) -> Contamination:
    """What the record says of every data set and eval, and what it means for the arms' differences."""
    options = record.resolved.suite.contamination
    examples = {
        (arm.name, entry.measurand.name): _examples(record, arm.data, entry)
        for arm in planned_arms(record)
        for entry in aligned
    }
    return Contamination(
        ngram=options.ngram,
        shortest=options.shortest,
        checked=tuple(
            Checked(data=c.data, eval=c.eval, examples=c.examples, judged=c.judged, found=len(c.found))
            for c in record.contamination
        ),
        arms=tuple(
            _contaminated(record, arm, entry, results=results, examples=examples, deltas=deltas)
            for entry in aligned
            for arm in planned_arms(record)
            if examples[arm.name, entry.measurand.name]
        ),
    )


def _examples(record: Record, data: str, entry: Aligned) -> frozenset[tuple[str, str]]:
    """Contaminated examples of a measurand for the arms of one data name, all of its draws together."""
    examples = [
        example
        for check in record.contamination
        if check.eval == entry.measurand.eval and check.data.partition("@")[0] == data
        for example in check.found
    ]
    return frozenset(examples) & frozenset(entry.examples)


def _contaminated(
    record: Record,
    ref: ArmRef,
    entry: Aligned,
    *,
    results: Mapping[tuple[str, str], Result],
    examples: Mapping[tuple[str, str], frozenset[tuple[str, str]]],
    deltas: Deltas,
) -> Contaminated:
    arm, name = ref.name, entry.measurand.name
    arm_examples, result = examples[arm, name], results[arm, name]
    matching = [
        c for c in record.contamination if c.eval == entry.measurand.eval and c.data.partition("@")[0] == ref.data
    ]

    def cleaned(contrast: Contrast | None) -> Cleaned | None:
        if contrast is None or contrast.delta.estimate is None:
            return None
        left_out = arm_examples | examples.get((contrast.reference, name), frozenset())
        part = without(entry, left_out)
        again = replace(deltas, _known={}, _priors={})
        clean = again.between(part, arm, contrast.reference)
        return Cleaned(reference=contrast.reference, all=contrast.delta, clean=clean, left_out=len(left_out))

    return Contaminated(
        arm=arm,
        measurand=name,
        examples=len(entry.examples),
        judged=max(check.judged for check in matching),
        found=len(arm_examples),
        ngram=matching[0].ngram,
        versus_base=cleaned(result.versus_base),
        versus_control=cleaned(result.versus_control),
    )
