"""Memory of a training on a processor: what the allocator holds beyond the tensors, and what it puts there."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import LargestPass, PlannedCounts, StepBytes
from bench.run.estimate.memory import on_processor
from bench.run.estimate.memory.on_processor import StepMemory, step_memory
from bench.run.process.payloads import MemoryReply, MemoryRequest
from tests.fakes.suites import SERVER
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data

WEIGHTS, GRADIENTS, STATES, LIBRARIES = 4_000, 4_000, 8_000, 100


@pytest.mark.parametrize(
    ("states", "total"),
    [
        (0, 100 + 50 + 1400),
        (200, 100 + 50 + 1400),  # all of it in what the first step's activations left
        (300, 100 + 50 + 1400 + 100),
    ],
)
def test_the_optimizer_s_states_find_room_in_half_of_what_activations_left(states: int, total: int) -> None:
    tensors = StepBytes(held=50 + states, states=states, made=1000)
    assert StepMemory(process_bytes=100, tensors=tensors).total == pytest.approx(total, abs=1)


@pytest.mark.parametrize(
    ("made", "frees", "total"),
    [
        (12_000, False, LIBRARIES + WEIGHTS + 13_200),  # the pass, before there are states
        (12_000, True, LIBRARIES + WEIGHTS + 16_800),  # with blocks of the wrong size between
        (5_000, False, LIBRARIES + WEIGHTS + GRADIENTS + STATES),  # the optimiser's first step, behind a small pass
    ],
)
def test_the_first_step_has_the_optimizer_s_states_at_its_end_alone(made: int, frees: bool, total: int) -> None:
    tensors = StepBytes(held=WEIGHTS + STATES, states=STATES, gradients=GRADIENTS, made=made)
    step = StepMemory(process_bytes=LIBRARIES, tensors=tensors, first=True, frees=frees)
    assert step.total == pytest.approx(total, abs=1)


@pytest.mark.parametrize("first", [True, False])
def test_what_fused_layers_make_is_taken_nearly_as_it_is(first: bool) -> None:
    tensors = StepBytes(held=50, made=1000, fused=True)
    assert StepMemory(process_bytes=100, tensors=tensors, first=first).total == pytest.approx(100 + 50 + 1050, abs=1)


@pytest.fixture
def job(tmp_path: Path) -> TrainJob:
    return make_job(
        resolved_model(tmp_path),
        stored_data(tmp_path, make_rows(2)),
        recipe=make_recipe(),
        budget={"unit": "steps", "amount": 2},
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Widths of the steps that children counted: a step makes its gradients and a hundred bytes for each position."""
    widths: list[int] = []

    def replies(server: object, kind: str, requests: Sequence[MemoryRequest], **options: Any) -> tuple[Any, ...]:
        values = []
        for request in requests:
            widths.extend(step.largest_pass.width for step in request.steps)
            made = (GRADIENTS + 100 * step.largest_pass.slots for step in request.steps)
            steps = (StepBytes(held=WEIGHTS + STATES, states=STATES, gradients=GRADIENTS, made=one) for one in made)
            values.append(MemoryReply(process_bytes=LIBRARIES, steps=tuple(steps)).model_dump(mode="json"))
        return tuple(SimpleNamespace(failure=None, value=value) for value in values)

    monkeypatch.setattr(on_processor, "side_by_side", replies)
    return widths


def counts_of(first: int, later: int | None) -> PlannedCounts:
    """Counts of a training whose first step is `first` positions wide, and all others at most `later`."""
    passes = [
        None if width is None else LargestPass(rows=1, width=width, supervised_tokens=8) for width in (first, later)
    ]
    assert passes[0] is not None
    return PlannedCounts(
        rows=2, steps=1 if later is None else 2, tokens=2, supervised_tokens=2, slots=2, truncated_rows=0,
        dropped_rows=0, parameters=1_000, trainable_parameters=1_000, first_step=passes[0], later_steps=passes[1],
    )  # fmt: skip


def at_first(positions: int, allocated: float = 1.1) -> float:
    return LIBRARIES + WEIGHTS + allocated * (GRADIENTS + 100 * positions)


def with_states(positions: int) -> float:
    return at_first(positions, 1.4) + STATES - 0.2 * (GRADIENTS + 100 * positions)


@pytest.mark.parametrize(
    ("first", "later", "bytes_", "widths"),
    [
        (256, None, at_first(256), [256]),
        (64, 256, with_states(256), [256]),  # what the first needs is less, whatever it is
        (256, 64, at_first(256), [64, 256]),
        (256, 240, with_states(240), [240, 256]),
    ],
    ids=["one step", "largest behind the first", "much the largest in the first", "little the largest in the first"],
)
def test_a_training_peaks_in_its_first_step_or_in_the_largest_with_states(
    job: TrainJob, asked: list[int], tmp_path: Path, first: int, later: int | None, bytes_: float, widths: list[int]
) -> None:
    """A training of one step was planned 1.45 times what it took, and could be refused as too large."""
    found = step_memory({"arm": job}, {"arm": counts_of(first, later)}, home=tmp_path / "home", server=SERVER)
    assert found["arm"].total == pytest.approx(bytes_, abs=2)
    assert sorted(asked) == widths


def test_arms_of_one_recipe_share_the_smallest_and_the_largest_pass_of_all_their_steps(
    job: TrainJob, asked: list[int], tmp_path: Path
) -> None:
    counts = {"early": counts_of(256, 64), "one": counts_of(128, None), "late": counts_of(96, 192)}
    found = step_memory(dict.fromkeys(counts, job), counts, home=tmp_path / "home", server=SERVER)
    assert sorted(asked) == [64, 256]
    totals = {arm: memory.total for arm, memory in found.items()}
    assert totals == pytest.approx({"early": at_first(256), "one": at_first(128), "late": with_states(192)}, abs=3)


@pytest.mark.parametrize("recipe", [{"method": "lora"}, {"gradient_checkpointing": True}])
def test_adapters_and_checkpointing_leave_blocks_of_the_wrong_size_from_the_first_step_on(
    job: TrainJob, asked: list[int], tmp_path: Path, recipe: dict[str, Any]
) -> None:
    """LoRA's first step took 1.3 to 1.5 bytes for each that it makes, full weights' 1.0 to 1.2."""
    job = job.model_copy(update={"recipe": make_recipe(**recipe)})
    found = step_memory({"arm": job}, {"arm": counts_of(256, None)}, home=tmp_path / "home", server=SERVER)
    assert found["arm"].total == pytest.approx(at_first(256, 1.4), abs=2)
