"""Which jobs' speeds and seconds are compared: of those that had their machine to themselves, on machines of one kind.

Contract: pure functions of the record. Jobs of one sort (trainings, probes, deployed forms, evals) are compared on the
kind of machine on which most arms have one. Another machine's speed is shown with its name, and enters no ranking, no
claim and no mean.
"""

from collections.abc import Sequence

from bench.record.machine import Machine
from bench.record.record import DeploymentRecord, EvaluationRecord, JobRecord, ProbeRecord, Record, TrainingRecord
from bench.record.results.training.ledger import disturbed
from bench.report.analysis.run_facts.subjects import once

TimedRecord = TrainingRecord | ProbeRecord | DeploymentRecord | EvaluationRecord
"""A job with a speed."""


def own_speed(record: Record, timed: TimedRecord) -> bool:
    """Whether a job's speed, seconds and energy are its own, and comparable with those of other arms."""
    return undisturbed(record, timed) and unlike_machine(record, timed) is None


def undisturbed(record: Record, timed: TimedRecord) -> bool:
    """Whether no other job of the run and no other program was at work beside it."""
    result = timed.result
    if result is None or not _job(record, timed).alone:
        return False
    ledger = timed.result.ledger if isinstance(timed, TrainingRecord) and timed.result is not None else None
    return not disturbed(ledger.other_load if ledger is not None else getattr(result, "other_load", None))


def unlike_machine(record: Record, timed: TimedRecord) -> Machine | None:
    """The machine of a job where speeds of its sort are compared on another kind; `None`: it was of that kind."""
    machine = _machine(record, _job(record, timed))
    return None if machine == _compared(record)[type(timed)] else machine


def unlike_name(record: Record, timed: Sequence[TimedRecord]) -> str | None:
    """Name of another kind of machine, where the only jobs that had their machine to themselves were on such."""
    machines = [unlike_machine(record, one) for one in timed if undisturbed(record, one)]
    names = [machine.name for machine in machines if machine is not None]
    return names[0] if names and len(names) == len(machines) else None


def compared_machine(record: Record) -> str:
    """Name of the kind of machine on which speeds of trainings are compared."""
    return _compared(record)[TrainingRecord].name


def other_machines(record: Record) -> tuple[str, ...]:
    """Names of the kinds of machines whose trainings are not compared."""
    machines = (unlike_machine(record, timed) for timed in record.trainings if timed.result is not None)
    return tuple(sorted({machine.name for machine in machines if machine is not None}))


@once
def _compared(record: Record) -> dict[type[TimedRecord], Machine]:
    return {
        TrainingRecord: _of_most_arms(record, record.trainings),
        ProbeRecord: _of_most_arms(record, record.probes),
        DeploymentRecord: _of_most_arms(record, record.deployments),
        EvaluationRecord: _of_most_arms(record, record.evaluations),
    }


def _of_most_arms(record: Record, jobs: Sequence[TimedRecord]) -> Machine:
    """The kind with jobs of most arms, by ties the first one's; without any the machine that the run was started on."""
    arms: dict[Machine, set[str | None]] = {}
    for timed in jobs:
        if timed.result is not None:
            arms.setdefault(_machine(record, _job(record, timed)), set()).add(timed.arm)
    return max(arms, key=lambda machine: len(arms[machine]), default=_here(record))


def _machine(record: Record, job: JobRecord) -> Machine:
    return job.machine or _here(record)


def _here(record: Record) -> Machine:
    here = record.environment
    return Machine(device=here.device, processor=here.processor, cores=here.cores)


def _job(record: Record, timed: TimedRecord) -> JobRecord:
    """The job that was timed: a judge's eval draws no answer, its subject's answers are a job of their own."""
    if isinstance(timed, EvaluationRecord):
        return _answers(record).get((timed.eval, timed.subject), timed.job)
    return timed.job


@once
def _answers(record: Record) -> dict[tuple[str, str], JobRecord]:
    return {(answers.eval, answers.subject): answers.job for answers in record.answers}
