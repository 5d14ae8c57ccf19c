"""The banner: whatever is simulated makes the run a simulation, not only its base."""

from typing import Any

import pytest

from bench.record.record import Record
from bench.report.analysis.run_facts.run_info import run_info
from tests.fakes.records import BANNER, make_run


def with_data(record: Record, source: str) -> Record:
    data = dict(record.resolved.data)
    data["lima_1k"] = data["lima_1k"].model_copy(update={"source": source})
    return record.model_copy(update={"resolved": record.resolved.model_copy(update={"data": data})})


def with_eval(record: Record, **changes: Any) -> Record:
    first, *others = record.resolved.suite.eval
    suite = record.resolved.suite.model_copy(update={"eval": (first.model_copy(update=changes), *others)})
    return record.model_copy(update={"resolved": record.resolved.model_copy(update={"suite": suite})})


def real() -> Record:
    """A run on a real base, real rows and real tasks."""
    record = make_run(examples=5, simulation=None).record
    data = {name: found.model_copy(update={"source": "someone/rows"}) for name, found in record.resolved.data.items()}
    record = record.model_copy(update={"resolved": record.resolved.model_copy(update={"data": data})})
    evals = tuple(
        spec.model_copy(update={"tasks": ("squad",)}) if spec.kind == "lm_eval" else spec
        for spec in record.resolved.suite.eval
    )
    suite = record.resolved.suite.model_copy(update={"eval": evals})
    return record.model_copy(update={"resolved": record.resolved.model_copy(update={"suite": suite})})


def test_a_simulated_base_is_named_first() -> None:
    assert run_info(make_run(examples=5).record).simulation == BANNER


def test_a_run_on_real_inputs_has_no_banner() -> None:
    assert run_info(real()).simulation is None


@pytest.mark.parametrize(
    ("record", "part"),
    [
        (with_data(real(), "micro:curated"), "data lima_1k"),
        (with_eval(real(), tasks=("micro_qa",), include="tasks/micro"), "eval qa"),
    ],
)
def test_micro_data_or_evals_make_a_run_on_a_real_base_a_simulation(record: Record, part: str) -> None:
    """Seen: a real base, trained on invented rows and asked about an invented world, without a word about it."""
    found = run_info(record).simulation
    assert found is not None
    assert "simulation" in found
    assert part in found
