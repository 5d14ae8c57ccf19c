"""What single jobs take: a training that is planned too large is refused a machine that it fits."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.record.results.training.facts import LargestPass, PlannedCounts, StepBytes
from bench.run.estimate.job_costs import JobCosts
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
