"""Memory of a training on a processor: what the allocator holds beyond the tensors, and what it puts there."""

import pytest

from bench.record.results.training.facts import StepBytes
from bench.run.estimate.memory.on_processor import StepMemory


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
