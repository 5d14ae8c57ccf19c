"""The account of a training, counted by hand: what the report calls tokens, operations and peaks comes from here."""

from pathlib import Path

import pytest
import torch

from bench.record.results.training.ledger import Energy, OtherLoad, PhaseMemory
from bench.record.results.training.result import Head
from bench.train.accounting import ledger, utilization
from bench.train.accounting.ledger import LedgerInput, make_ledger
from bench.train.accounting.meter import Meter
from bench.train.accounting.utilization import OperationCount
from bench.train.arguments.adapters import skeleton
from bench.train.batches.collate import BatchCounts
from bench.train.batches.schedule import Schedule
from tests.fakes.checkpoints import tiny_checkpoint
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data
from tests.train.accounting.test_flops import PACKED, PADDED
from tests.train.accounting.test_meter import Clock, a_step

QUIET = OtherLoad(processor_share=0.01, gpu_processes=None)
MEMORY = tuple(
    PhaseMemory(phase=phase, process_bytes=peak, device_bytes=peak + 1)
    for phase, peak in (("start_up", 900), ("training", 700), ("saving", 300))
)


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LedgerInput:
    """Three steps were planned and two were trained: one of 16 tokens in 20 slots, one of 10 in 10."""
    monkeypatch.setattr(utilization, "measured_peak", lambda *_, **__: 1e12)
    clock = Clock()
    meter = Meter(clock=clock)
    for rows, tokens, supervised, slots in ((2, 16, 5, 20), (2, 10, 3, 10)):
        a_step(meter, clock, BatchCounts(rows=rows, tokens=tokens, supervised_tokens=supervised, slots=slots))
    rows = stored_data(tmp_path, make_rows(6))
    model = resolved_model(tiny_checkpoint(tmp_path / "base"))
    job = make_job(model, rows, recipe=make_recipe(), budget={"unit": "steps", "amount": 3})
    return LedgerInput(
        job=job,
        schedule=Schedule(batches=(PADDED, PACKED, PADDED), accumulation=1, available_rows=6, dropped_rows=4),
        meter=meter,
        head="supervised positions",
        device=torch.device("cpu"),
        precision="fp32",
    )


def test_counts_are_those_of_the_steps_that_were_trained(stopped: LedgerInput) -> None:
    made = make_ledger(stopped, MEMORY, Energy(joules=3.0, counter="rapl"), QUIET)
    assert (made.rows, made.steps, made.tokens, made.supervised_tokens, made.slots) == (4, 2, 26, 8, 30)
    assert (made.dropped_rows, made.warmup_steps_left_out) == (4, 2)
    assert made.seconds.compute == pytest.approx(2.0)
    assert (made.peak_process_bytes, made.peak_device_bytes) == (700, 701), "the training's, not the start-up's"
    assert made.memory == MEMORY
    assert made.energy == Energy(joules=3.0, counter="rapl")
    assert made.other_load == QUIET


@pytest.mark.parametrize("head", ["supervised positions", "all positions"])
def test_operations_are_those_of_the_batches_seen_with_the_head_where_it_was(stopped: LedgerInput, head: Head) -> None:
    made = make_ledger(
        LedgerInput(
            job=stopped.job, schedule=stopped.schedule, meter=stopped.meter, head=head, device=stopped.device,
            precision=stopped.precision,
        ),
        MEMORY, None, QUIET,
    )  # fmt: skip
    count = OperationCount.of(
        skeleton(stopped.job.model, None), None, checkpointing=False, head_everywhere=head == "all positions"
    )
    assert made.flops == count.model(stopped.schedule.first(2)) > 0
    assert made.hardware_flops == count.hardware(stopped.schedule.first(2)) > made.flops
    assert made.energy is None


def test_an_architecture_that_cannot_be_counted_loses_its_operations_alone(
    stopped: LedgerInput, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def foreign(*_: object, **__: object) -> None:
        raise ValueError("needs its weights")

    monkeypatch.setattr(ledger, "OperationCount", foreign)
    made = make_ledger(stopped, MEMORY, None, QUIET)
    assert (made.flops, made.hardware_flops, made.utilization) == (None, None, None)
    assert made.tokens == 26
    assert "needs its weights" in capfd.readouterr().err
