"""Costs of jobs that several machines did."""

from pathlib import Path

from bench.record.machine import Machine
from bench.record.record import Record
from bench.report.analysis.training.costs.speed import paces
from bench.report.compare import compare
from bench.report.sections.speed_cell import speed_cell
from tests.fakes.records import FakeRun, make_run
from tests.report.costed_runs import ARM, cost_of, said, with_trainings


def test_machines_that_did_jobs_and_one_that_went_away_are_named() -> None:
    record = make_run(examples=5).record
    assert "Jobs ran on" not in " ".join(said(record))
    first, second, *others = record.trainings
    moved = (
        first.model_copy(update={"job": first.job.model_copy(update={"node": "n1", "lost_nodes": ("n0",)})}),
        second.model_copy(update={"job": second.job.model_copy(update={"node": "n2"})}),
        *others,
    )
    text = " ".join(said(record.model_copy(update={"trainings": moved})))
    assert "Jobs ran on n1, n2. A machine went away" in text
    assert f"the job was submitted again: {first.job.id} (n0)." in text


FAST = Machine(device="cuda: NVIDIA H200", processor="AMD EPYC", cores=16)
SLOW = Machine(device="cuda: NVIDIA A100", processor="AMD EPYC", cores=16)
ON_SLOW = "NVIDIA A100 (AMD EPYC, 16 cores)"


def on_machines(record: Record, elsewhere: str) -> Record:
    """Every training alone on one kind of machine, those of the arm `elsewhere` on another."""
    record = with_trainings(record, alone=True).model_copy(update={"probes": ()})
    trainings = tuple(
        training.model_copy(
            update={"job": training.job.model_copy(update={"machine": SLOW if training.arm == elsewhere else FAST})}
        )
        for training in record.trainings
    )
    return record.model_copy(update={"trainings": trainings})


def test_a_speed_of_another_kind_of_machine_is_shown_and_never_ranked_or_claimed() -> None:
    claim = {"says": "lima_1k/full >= lima_1k/lora", "on": "cost:seconds"}
    run = make_run(examples=5, claims=(claim,))
    record = on_machines(run.record, ARM)
    assert ARM not in {pace.arm for pace in paces(record)}
    assert len(paces(record)) > 1
    cost = cost_of(record)
    assert cost.tokens_per_second is None
    assert speed_cell(cost).whole.endswith(f" on {ON_SLOW}")
    assert (cost.mfu, cost.step_seconds, cost.joules) == (None, None, None)
    (decided,) = compare(FakeRun(path=Path(), record=record, rows=run.rows), replicates=100).claims
    assert decided.verdict.outcome == "incomplete"
    lacks = f"{ARM} has no seconds to compare: it ran on {ON_SLOW}, and seconds are compared on NVIDIA H200"
    assert lacks in decided.why
    text = " ".join(said(record))
    assert "with a machine's name: on another kind of machine, so not comparable" in text
    assert f"those of {ON_SLOW} enter no ranking and no claim." in text


def test_machines_of_one_kind_are_compared_whatever_their_names() -> None:
    record = on_machines(make_run(examples=5).record, "no such arm")
    assert ARM in {pace.arm for pace in paces(record)}
    assert cost_of(record).tokens_per_second is not None
    assert "enter no ranking" not in " ".join(said(record))


def test_a_probe_beside_another_job_on_its_node_is_no_speed_of_the_arm() -> None:
    record = make_run(examples=5).record
    beside = tuple(
        probe.model_copy(update={"job": probe.job.model_copy(update={"alone": False})}) for probe in record.probes
    )
    assert cost_of(record).tokens_per_second is not None
    assert cost_of(record.model_copy(update={"probes": beside})).tokens_per_second is None
