"""Speed of a training from its first steps: for the report, and for a budget in seconds.

Contract: nothing of a probe is kept but its figures. It measures the device's peak once, behind its steps: a report
takes the highest of all probes and trainings.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.emit import Emit, Event, StepDone, ignore_event
from bench.machine.device import pick_device
from bench.machine.other_load import OtherLoadCounter
from bench.record.jobs.train_job import ProbeJob, TrainJob
from bench.record.results.training.ledger import OtherLoad, PhaseMemory
from bench.record.results.training.result import ProbeResult
from bench.suite.tables.training.budget import Budget
from bench.train.accounting.across_ranks import exchanged_memory
from bench.train.accounting.budget import pilot_job, planned_budget
from bench.train.accounting.ledger import MemoryByPhase
from bench.train.prepare import Prepared, prepare


def run_probe(job: ProbeJob, folder: Path, emit: Emit, *, await_turn: Callable[[], None] = lambda: None) -> ProbeResult:
    """Times the first `job.steps` steps of a training's own schedule; keeps nothing of it.

    await_turn: returns once nothing else works on the machine. It is called after the first step, which no speed has in
    it and one more step to warm up follows: what comes before may run beside others.
    """
    prepared, (peaks,), other_load = _time_steps(job, folder, _StepsInTurn(emit, await_turn))
    steps, trained = prepared.meter.steps, prepared.trained
    return ProbeResult(
        steps=len(steps),
        tokens=sum(step.tokens for step in steps),
        slots=sum(step.slots for step in steps),
        tokens_per_second=prepared.meter.steady().tokens_per_second,
        utilization=trained.utilization(trained.operations()),
        other_load=other_load,
        peak_process_bytes=peaks.process_bytes,
        peak_device_bytes=peaks.device_bytes,
    )


def follow_probe(job: ProbeJob, folder: Path) -> None:
    """Times the same steps as one of the other processes."""
    _time_steps(job, folder, _StepsInTurn(ignore_event, lambda: None))


def known_budget(job: TrainJob) -> Budget:
    """The job's budget; one in seconds as the tokens that a short trial says they are worth."""
    if job.budget.unit != "seconds":
        return job.budget
    pilot = pilot_job(job)
    with tempfile.TemporaryDirectory(prefix="bench-pilot-") as folder:
        prepared = prepare(pilot, Path(folder), ignore_event, budget=pilot.budget)
        prepared.trainer.run()
    meter = prepared.meter
    speed = meter.steady().tokens_per_second or meter.running_tokens_per_second
    return planned_budget(job.budget, speed or 1.0)


class _StepsInTurn:
    """Tells of each step, waits after the first, and counts what others do beside the steps from then on."""

    def __init__(self, emit: Emit, await_turn: Callable[[], None]) -> None:
        self._emit, self._await_turn = emit, await_turn
        self.others = OtherLoadCounter(pick_device())

    def __call__(self, event: Event) -> None:
        self._emit(event)
        if isinstance(event, StepDone) and event.step == 1:
            self._await_turn()
            self.others = OtherLoadCounter(pick_device())


def _time_steps(job: ProbeJob, folder: Path, told: _StepsInTurn) -> tuple[Prepared, tuple[PhaseMemory, ...], OtherLoad]:
    budget = job.training.budget
    if budget.unit == "seconds":
        budget = Budget(unit="steps", amount=job.steps)
    prepared = prepare(
        job.training, folder, told, budget=budget, only_steps=job.steps, with_largest_pass=job.with_largest_pass,
        timed=True,
    )  # fmt: skip
    memory = MemoryByPhase(prepared.device)
    prepared.trainer.run()
    memory.end("training")
    other_load = told.others.seen(prepared.ranks.all_reduce_sum)
    peaks = exchanged_memory(prepared.ranks, memory.phases)
    prepared.ranks.barrier()
    return prepared, peaks, other_load
