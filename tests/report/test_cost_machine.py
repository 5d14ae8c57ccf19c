"""What the machine adds to a cost: its share of a peak, seconds per step, energy, price."""

import dataclasses

import pytest

from bench.record.record import Record
from bench.record.results.training.ledger import Energy, OtherLoad, Utilization
from bench.record.results.training.result import TrainResult
from bench.report.analysis.training.costs.cost import costs
from bench.report.analysis.training.costs.cost_kinds import COSTS, figures
from bench.report.analysis.training.costs.speed import paces
from bench.report.compare import compare_record
from bench.report.sections.speed_cell import speed_cell
from bench.report.sections.training.costs import measured_sentence
from bench.suite.tables.training.launch import Launch
from tests.fakes.records import make_run
from tests.report.costed_runs import ARM, cost_of, said, with_trainings

SHARE = Utilization(
    flops_per_second=2e9, hardware_flops_per_second=3e9, peak_flops_per_second=10e9, published_flops_per_second=None
)


def with_run(record: Record, **changes: object) -> Record:
    """The suite's `[run]`, changed."""
    suite = record.resolved.suite
    options = suite.run.model_copy(update=changes)
    resolved = record.resolved.model_copy(update={"suite": suite.model_copy(update={"run": options})})
    return record.model_copy(update={"resolved": resolved})


def test_utilisation_comes_from_where_the_speed_comes_from() -> None:
    """A training beside another has no MFU of its own; its lone probe has."""
    record = make_run(examples=5).record
    probes = tuple(
        probe.model_copy(update={"result": probe.result.model_copy(update={"utilization": SHARE})})
        for probe in record.probes
        if probe.result is not None
    )
    cost = cost_of(record.model_copy(update={"probes": probes}))
    assert (cost.mfu, cost.hfu, cost.measured_peak) == (pytest.approx(0.2), pytest.approx(0.3), 10e9)
    shared = with_trainings(make_run(examples=5, shared_speed=True).record, utilization=SHARE)
    assert (cost_of(shared).mfu, cost_of(shared).step_seconds) == (None, None)
    alone = with_trainings(shared, alone=True)
    assert cost_of(alone).mfu == pytest.approx(0.2)


def test_seconds_per_step_leave_warm_up_out() -> None:
    record = with_trainings(make_run(examples=5).record, alone=True)
    first = record.trainings[0]
    slow_start = tuple(
        step.model_copy(update={"seconds": 9.0 if step.step <= 3 else step.step / 100}) for step in first.result.steps
    )
    trainings = (first.model_copy(update={"result": first.result.model_copy(update={"steps": slow_start})}),)
    found = cost_of(record.model_copy(update={"trainings": trainings})).step_seconds
    assert (found.p5, found.median, found.p95) == pytest.approx((0.06, 0.27, 0.48))


def test_a_speed_beside_other_programs_is_shared_and_enters_no_ranking() -> None:
    """One training at a time is not "alone on the machine" where something else computes there."""
    run = make_run(examples=5)
    quiet, busy = (OtherLoad(processor_share=share, gpu_processes=None) for share in (0.01, 0.4))
    calm = with_trainings(run.record, alone=True, other_load=quiet, processor_tokens_per_second=4_000.0)
    calm = calm.model_copy(update={"probes": ()})
    assert cost_of(calm).tokens_per_second is not None
    assert paces(calm)
    loud = with_trainings(calm, alone=True, other_load=busy, energy=Energy(joules=36.0, counter="rapl"))
    cost = cost_of(loud)
    assert (cost.tokens_per_second, cost.mfu, cost.joules, cost.step_seconds) == (None, None, None, None)
    assert cost.shared_tokens_per_second == cost_of(calm).tokens_per_second
    assert (cost.processor_tokens_per_second, cost.other_load) == (4_000.0, 0.4)
    assert not paces(loud)
    assert set(figures(loud, ARM, COSTS["seconds"])) == {None}
    assert speed_cell(cost).whole.endswith(" shared")
    text = " ".join(said(loud))
    assert f"{ARM} 40.0%" in text
    assert "shared: beside other jobs or programs" in text
    assert f"Tokens per second of processor time: {ARM} 4,000" in text


def test_a_probe_beside_other_programs_measures_nothing() -> None:
    record = with_trainings(make_run(examples=5).record)
    assert cost_of(record).tokens_per_second is not None
    busy = OtherLoad(processor_share=0.0, gpu_processes=1)
    probes = tuple(
        probe.model_copy(update={"result": probe.result and probe.result.model_copy(update={"other_load": busy})})
        for probe in record.probes
    )
    assert cost_of(record.model_copy(update={"probes": probes})).tokens_per_second is None


def test_price_is_a_workers_share_of_the_machine() -> None:
    record = make_run(examples=5).record
    assert cost_of(record).price is None
    priced = cost_of(with_run(record, price_per_hour=3.6))
    assert priced.price == pytest.approx(6.1 * 3.6 / 3600 / record.environment.workers)


@pytest.mark.parametrize("processes", [2, 4])
def test_a_training_that_takes_every_worker_pays_the_whole_machine(processes: int) -> None:
    record = make_run(examples=5).record
    assert record.environment.workers == 2
    suite = record.resolved.suite
    full = suite.recipe["full"].model_copy(update={"launch": Launch(processes=processes), "accumulation": processes})
    spread = suite.model_copy(update={"recipe": {**suite.recipe, "full": full}})
    resolved = record.resolved.model_copy(update={"suite": spread})
    cost = cost_of(with_run(record.model_copy(update={"resolved": resolved}), price_per_hour=3.6))
    assert cost.price == pytest.approx(6.1 * 3.6 / 3600)
    assert f" trained in {processes} processes: its speed" in measured_sentence([cost])
    assert "its memory is their sum" in measured_sentence([dataclasses.replace(cost, memory_of_device=False)])
    for other in (dataclasses.replace(cost, processes=1), dataclasses.replace(cost, steps=None)):
        assert "trained in" not in measured_sentence([other])


def test_energy_is_given_only_of_trainings_that_were_alone() -> None:
    """The counter counts whoever uses the device."""
    energy = Energy(joules=36.0, counter="rapl")
    record = make_run(examples=5).record
    assert cost_of(with_trainings(record, energy=energy)).joules is None
    assert cost_of(with_trainings(record, energy=energy, alone=True)).joules == 36.0


def test_the_report_says_all_of_it_and_never_guesses() -> None:
    run = make_run(examples=5)
    plain = " ".join(said(run.record))
    assert "MFU" not in plain
    assert "Wh" not in plain
    assert "Price" not in plain
    known = with_trainings(run.record, alone=True, utilization=SHARE, energy=Energy(joules=36.0, counter="nvml"))
    text = " ".join(said(with_run(known.model_copy(update={"probes": ()}), price_per_hour=2.0, currency="EUR")))
    assert "0.01 TFLOP/s" in text
    assert "0.01 Wh" in text
    assert "in EUR at 2 an hour" in text
    assert "Milliseconds per step" in text


def test_each_measured_peak_has_its_published_one_beside_it() -> None:
    """Arms at two precisions have two peaks, measured and published."""
    record = with_trainings(make_run(examples=5).record, alone=True, utilization=SHARE)

    def published(result: TrainResult | None, peak: float) -> TrainResult | None:
        share = SHARE.model_copy(update={"published_flops_per_second": peak})
        return result.model_copy(update={"ledger": result.ledger.model_copy(update={"utilization": share})})

    trainings = tuple(
        one.model_copy(update={"result": published(one.result, 20e9 if one.arm == ARM else 40e9)})
        for one in record.trainings
    )
    record = record.model_copy(update={"trainings": trainings, "probes": ()})
    assert "(published: 0.02 TFLOP/s to 0.04 TFLOP/s)" in " ".join(said(record))


def test_a_share_above_the_peak_is_no_figure_and_is_pointed_out() -> None:
    """Seen: 101% beside a foreign load. What exceeds the peak shows that the peak was measured too low."""
    impossible = SHARE.model_copy(update={"flops_per_second": 1.01 * SHARE.peak_flops_per_second})
    run = make_run(examples=5, shared_speed=True)
    record = with_trainings(run.record, alone=True, utilization=impossible)
    cost = cost_of(record)
    assert (cost.mfu, cost.hfu, cost.measured_peak) == (None, None, None)
    assert (cost.faster_than_peak, cost.peaks_under_load) == (3, 0)
    comparison = compare_record(record, run.rows, replicates=20)
    said = {finding.detail for finding in comparison.sanity if finding.name == "peak under load"}
    assert [text.partition(":")[0] for text in said] == [
        "3 trainings ran faster than the highest peak that was measured of the device"
    ]


def test_a_peak_measured_beside_another_load_is_not_what_the_arms_are_a_share_of() -> None:
    """Seen: 56% for the slowest arm, whose peak was measured while others used the machine, 24% for a faster one."""
    record = with_trainings(make_run(examples=5).record, alone=True, utilization=SHARE)
    busy = SHARE.model_copy(
        update={
            "flops_per_second": SHARE.flops_per_second / 2,
            "peak_flops_per_second": (SHARE.peak_flops_per_second or 0) / 8,
        }
    )
    disturbed = with_trainings(make_run(examples=5).record, alone=True, utilization=busy).trainings
    mixed = (*(t for t in record.trainings if t.arm != ARM), *(t for t in disturbed if t.arm == ARM))
    record = record.model_copy(update={"trainings": mixed, "probes": ()})
    shares = {cost.arm: (cost.mfu, cost.peaks_under_load) for cost in costs(record) if cost.mfu is not None}
    assert shares.pop(ARM) == (pytest.approx(0.1), 3)
    assert shares
    assert all(share == (pytest.approx(0.2), 0) for share in shares.values())


def test_arms_are_a_share_of_the_peak_at_the_precision_that_they_were_trained_in() -> None:
    """`precision = "auto"` may train one base in bf16, whose peak is higher, and another in fp32."""
    record = with_trainings(make_run(examples=5).record, alone=True, utilization=SHARE)
    faster = SHARE.model_copy(update={"peak_flops_per_second": 40e9})

    def in_bf16(result: TrainResult) -> TrainResult:
        ledger = result.ledger.model_copy(update={"utilization": faster})
        return result.model_copy(update={"precision": "bf16", "ledger": ledger})

    trainings = tuple(
        t.model_copy(update={"result": in_bf16(t.result)}) if t.arm == ARM and t.result else t for t in record.trainings
    )
    record = record.model_copy(update={"trainings": trainings, "probes": ()})
    shares = {cost.arm: cost.mfu for cost in costs(record) if cost.mfu is not None}
    assert shares.pop(ARM) == pytest.approx(2 / 40)
    assert shares
    assert all(share == pytest.approx(2 / 10) for share in shares.values())
