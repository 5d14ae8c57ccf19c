"""The account of a finished training: counts, seconds, operations, memory, energy.

Contract: counts are those of the batches that were trained on. What cannot be known is `None`; an architecture whose
operations cannot be read off its shape loses its operations, not its training.
"""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from bench.machine.peak_memory import PeakMemory
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.ledger import Energy, Ledger, OtherLoad, PhaseMemory, Utilization
from bench.record.results.training.result import Head
from bench.suite.tables.models.precision import Precision
from bench.train.accounting.meter import Meter
from bench.train.accounting.rates import training_rates
from bench.train.accounting.utilization import OperationCount
from bench.train.arguments.adapters import peft_config
from bench.train.batches.schedule import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerInput:
    """A finished training, for its account."""

    job: TrainJob
    schedule: Schedule
    """The planned schedule; a training that diverged or stopped early saw only its beginning."""
    meter: Meter
    head: Head
    device: torch.device
    precision: Precision
    peak_before: float | None = None
    """FLOP/s of the device before the first step; `None` where it was not measured."""

    @property
    def seen(self) -> Schedule:
        """Part of the schedule that was trained on."""
        return self.schedule.first(len(self.meter.steps))

    def operations(self) -> OperationCount | None:
        """Operations of this model as it is trained; `None` for an architecture whose shape cannot be read."""
        job, steps = self.job, self.schedule.steps
        adapter = peft_config(job.recipe, job.model, steps=steps)
        try:
            model = hardware = training_rates(job, adapter, checkpointing=False, steps=steps)
            if job.recipe.gradient_checkpointing:
                hardware = training_rates(job, adapter, checkpointing=True, steps=steps)
            return OperationCount(model, hardware, adapter, head_everywhere=self.head == "all positions")
        except Exception:  # whatever a foreign architecture raises; the log tells
            traceback.print_exc()
            return None

    def utilization(self, operations: OperationCount | None) -> Utilization | None:
        """Utilisation over the steady steps; measures the device's peak."""
        if operations is None:
            return None
        steady = self.meter.steady()
        return operations.utilization(
            self.seen,
            steady,
            device=self.device,
            precision=self.precision,
            processes=self.job.recipe.processes,
            peak_before=self.peak_before,
        )


class MemoryByPhase:
    """Peaks of one phase after another."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.phases: list[PhaseMemory] = []
        self._current = self._fresh()

    def end(self, phase: Literal["start_up", "training", "saving"]) -> PhaseMemory:
        """The phase is over; the next begins."""
        ended = PhaseMemory(
            phase=phase, process_bytes=self._current.process_bytes(), device_bytes=self._current.device_bytes()
        )
        self.phases.append(ended)
        self._current = self._fresh()
        return ended

    def _fresh(self) -> PeakMemory:
        memory = PeakMemory(self._device)
        memory.start()
        return memory


def make_ledger(
    trained: LedgerInput, memory: Sequence[PhaseMemory], energy: Energy | None, other_load: OtherLoad
) -> Ledger:
    """The account of one training. `memory`, `energy`, `other_load` and what the meter has are of all its processes."""
    steps, seen, steady = trained.meter.steps, trained.seen, trained.meter.steady()
    operations = trained.operations()
    utilization = trained.utilization(operations)
    training = next(phase for phase in memory if phase.phase == "training")
    return Ledger(
        rows=sum(step.rows for step in steps),
        distinct_rows=seen.distinct_rows,
        epochs=seen.epochs,
        steps=len(steps),
        slots=sum(step.slots for step in steps),
        tokens=sum(step.tokens for step in steps),
        supervised_tokens=sum(step.supervised_tokens for step in steps),
        truncated_rows=seen.truncated_rows,
        dropped_rows=trained.schedule.dropped_rows,
        refused_rows=trained.schedule.refused_rows,
        seconds=trained.meter.seconds(),
        warmup_steps_left_out=steady.left_out,
        tokens_per_second=steady.tokens_per_second,
        peak_process_bytes=training.process_bytes,
        peak_device_bytes=training.device_bytes,
        memory=tuple(memory),
        flops=None if operations is None else operations.model(seen),
        hardware_flops=None if operations is None else operations.hardware(seen),
        utilization=utilization,
        processor_tokens_per_second=steady.processor_tokens_per_second,
        other_load=other_load,
        energy=energy,
    )
