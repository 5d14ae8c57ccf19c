"""Who was trained and scored in a run: bases, arms, and the subjects of each arm.

Contract: pure functions of the record. What each arm asks is found once for a record: with a thousand arms a report
would take minutes.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

from bench.record.record import AnswersRecord, EvaluationRecord, ProbeRecord, Record, TrainingRecord
from bench.record.results.evals.judged import Judged
from bench.suite.tables.arms.arms import ArmRef

Found = TypeVar("Found")
_Entry = TypeVar("_Entry")


class _ThisRecord:
    """A record as a key: itself, not its content, which takes long to hash."""

    def __init__(self, record: Record) -> None:
        self.record = record

    def __hash__(self) -> int:
        return id(self.record)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ThisRecord) and self.record is other.record


def once(find: Callable[[Record], Found]) -> Callable[[Record], Found]:
    """`find`, with what it found of the last two records: callers change nothing in it."""

    @lru_cache(maxsize=2)
    def found(key: _ThisRecord) -> Found:
        return find(key.record)

    return lambda record: found(_ThisRecord(record))


@once
def subjects(record: Record) -> dict[str, tuple[str, ...]]:
    """Subject names by arm, in the suite's order of arms and seeds, the base first."""
    suite = record.resolved.suite
    arms = {arm.name: tuple(f"{arm.name}#{seed}" for seed in suite.seeds_of(arm.name)) for arm in planned_arms(record)}
    return {**{base: (base,) for base in bases_of(record)}, **arms}


def seeds_of(record: Record) -> tuple[int, ...]:
    """Seeds of the arm that has most: of trainings that were given, their positions."""
    suite = record.resolved.suite
    return max((suite.seeds_of(arm.name) for arm in planned_arms(record)), key=len, default=suite.seeds)


@once
def bases_of(record: Record) -> tuple[str, ...]:
    """`base`, or `base@MODEL` for each model that this run's arms train."""
    suite = record.resolved.suite
    return tuple(dict.fromkeys(arm.base for arm in planned_arms(record))) or suite.base_subjects()


def base_of(record: Record, arm: str) -> str:
    """The base that an arm of this run trains."""
    return bases_by_arm(record)[arm]


@once
def bases_by_arm(record: Record) -> dict[str, str]:
    """The base that each arm of this run trains, by arm."""
    return {ref.name: ref.base for ref in planned_arms(record)}


@once
def planned_arms(record: Record) -> list[ArmRef]:
    """The suite's arms that this run was asked for (`--only` leaves others out)."""
    suite = record.resolved.suite
    trained = {training.arm for training in record.trainings}
    scored = {evaluation.arm for evaluation in record.evaluations}
    return [arm for arm in suite.expand() if arm.name in (trained if suite.trains(arm) else scored)]


@once
def arms_by_name(record: Record) -> dict[str, ArmRef]:
    """The arms of `planned_arms` by name."""
    return {arm.name: arm for arm in planned_arms(record)}


def trainings_of(record: Record, arm: str) -> Sequence[TrainingRecord]:
    """The trainings of an arm, in the record's order."""
    return _trainings_by_arm(record).get(arm, ())


def probes_of(record: Record, arm: str) -> Sequence[ProbeRecord]:
    """The probes of an arm, one for each round."""
    return _probes_by_arm(record).get(arm, ())


def evaluations_of(record: Record, subject: str) -> Sequence[EvaluationRecord]:
    """The evaluations of a subject, in the record's order."""
    return _evaluations_by_subject(record).get(subject, ())


def judged_of(record: Record, eval_name: str, names: Iterable[str]) -> list[Judged]:
    """What the eval's judge found of these subjects."""
    results = [e.result for subject in names for e in evaluations_of(record, subject) if e.eval == eval_name]
    return [result.judged for result in results if result is not None and result.judged is not None]


def is_own_reference(record: Record, eval_name: str, names: Iterable[str]) -> bool:
    """Whether these subjects are what the eval's judge compares the others with: all their scores are ties."""
    results = judged_of(record, eval_name, names)
    return bool(results) and all(result.by_definition for result in results)


def scorings_of(record: Record, arm: str) -> Sequence[EvaluationRecord | AnswersRecord]:
    """What was scored or answered for an arm, or a base: evaluations first."""
    return _scorings_by_arm(record).get(arm, ())


@once
def _scorings_by_arm(record: Record) -> dict[str, list[EvaluationRecord | AnswersRecord]]:
    return _grouped((*record.evaluations, *record.answers), lambda scored: scored.arm or scored.subject)


@once
def _trainings_by_arm(record: Record) -> dict[str, list[TrainingRecord]]:
    return _grouped(record.trainings, lambda training: training.arm)


@once
def _probes_by_arm(record: Record) -> dict[str, list[ProbeRecord]]:
    return _grouped(record.probes, lambda probe: probe.arm)


@once
def _evaluations_by_subject(record: Record) -> dict[str, list[EvaluationRecord]]:
    return _grouped(record.evaluations, lambda evaluation: evaluation.subject)


def _grouped(entries: Iterable[_Entry], name: Callable[[_Entry], str]) -> dict[str, list[_Entry]]:
    groups: dict[str, list[_Entry]] = {}
    for entry in entries:
        groups.setdefault(name(entry), []).append(entry)
    return groups


def is_unanswerable(record: Record, arm: str, name: str) -> bool:
    """Whether an arm, or a base, is behind a server that cannot be asked the eval `name`: no job was planned."""
    suite = record.resolved.suite
    ref = arms_by_name(record).get(arm)
    if suite.endpoint_of(ref, arm) is None:
        return False
    return not any(
        entry.eval == name for subject in subjects(record).get(arm, ()) for entry in evaluations_of(record, subject)
    )
