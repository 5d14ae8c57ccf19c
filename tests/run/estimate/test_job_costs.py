"""What single jobs take: a training that is planned too large is refused a machine that it fits."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.record.results.training.facts import LargestPass, PlannedCounts, StepBytes
from bench.run.estimate.job_costs import CHECK_SLOTS, JobCosts
from bench.run.estimate.memory.on_processor import StepMemory
from bench.run.estimate.speed.past_speeds import History
from bench.run.estimate.speed.timing import Timing
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data

A_PASS = LargestPass(rows=4, width=64, supervised_tokens=8)
COUNTS = PlannedCounts(
    rows=4, steps=1, tokens=4, supervised_tokens=4, slots=4, truncated_rows=0, dropped_rows=0, parameters=9,
    trainable_parameters=9, first_step=A_PASS, later_steps=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("later", "expected"), [(A_PASS, (9_000_000, "probe")), (None, (1_000 + 14_000, "shapes"))], ids=["two", "one"]
)
def test_a_training_of_one_step_has_not_the_memory_of_a_probe_of_two(
    tmp_path: Path, later: LargestPass | None, expected: tuple[int, str]
) -> None:
    job = make_job(
        resolved_model(tmp_path), stored_data(tmp_path, make_rows(2)), recipe=make_recipe(),
        budget={"unit": "steps", "amount": 2},
    )  # fmt: skip
    step = StepMemory(process_bytes=1_000, tensors=StepBytes(held=0, made=10_000), first=True)
    timing = Timing(start=1.0, seconds_per_unit=1.0, peak_bytes=9_000_000, counted_bytes=step.total)
    timings: Any = SimpleNamespace(training=lambda *given, **named: timing)
    costs = JobCosts(history=History(), timings=timings, steps={job.arm: step}, tell=lambda doing: None)
    cost = costs.training(job, COUNTS.model_copy(update={"later_steps": later}), to_do=True)
    assert (cost.memory_bytes, cost.memory_from) == expected


def test_the_check_at_a_trainings_end_takes_what_a_load_and_a_comparison_took_where_that_is_known(
    tmp_path: Path,
) -> None:
    """By the pace of its steps a check of a base of 135M was planned at twice its time: it computes as evals do."""
    job = make_job(
        resolved_model(tmp_path), stored_data(tmp_path, make_rows(2)), recipe=make_recipe(),
        budget={"unit": "steps", "amount": 2},
    )  # fmt: skip
    timing = Timing(start=1.0, seconds_per_unit=0.5)
    timings: Any = SimpleNamespace(training=lambda *given, **named: timing)
    costs = JobCosts(history=History(), timings=timings, steps={}, tell=lambda doing: None)
    known = dataclasses.replace(costs, checks={job.arm: 7.0, "another": 9.0})
    assert known.training(job, COUNTS, to_do=True).seconds == 1.0 + 4 * 0.5 + 7.0
    by_pace = 1.0 + 0.5 * (4 + CHECK_SLOTS / 3)  # a forward pass is 2 of the 6 operations for each weight and slot
    assert costs.training(job, COUNTS, to_do=True).seconds == pytest.approx(by_pace)
