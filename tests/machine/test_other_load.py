"""Other programs' load: theirs and not our own, whatever the machine says of it."""

from collections.abc import Callable, Iterator

import pytest
import torch

from bench.machine import other_load
from bench.machine.other_load import OtherLoadCounter, busy_seconds, gpu_process_count, process_seconds
from bench.record.results.training.ledger import OtherLoad

CPU = torch.device("cpu")


def steps(*values: float | None) -> Callable[..., float | None]:
    following: Iterator[float | None] = iter(values)
    return lambda *_: next(following)


def counted(*, total: tuple[float | None, float | None], own: tuple[float, float]) -> OtherLoad:
    """Ten seconds of a machine with two cores."""
    counter = OtherLoadCounter(
        CPU,
        clock=steps(0.0, 10.0),  # type: ignore[arg-type]
        all_seconds=steps(*total),
        own_seconds=steps(*own),  # type: ignore[arg-type]
        gpu_processes=lambda _: None,
    )
    return counter.seen()


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_load.os, "cpu_count", lambda: 2)


def test_processor_time_that_is_not_ours_is_theirs() -> None:
    """Of 20 seconds 14 were used, 10 of them by us."""
    load = counted(total=(100.0, 114.0), own=(3.0, 13.0))
    assert load.processor_share == pytest.approx(0.2)
    assert load.disturbs


def test_our_own_work_disturbs_nobody() -> None:
    load = counted(total=(100.0, 120.0), own=(3.0, 23.0))
    assert load == OtherLoad(processor_share=0.0, gpu_processes=None)
    assert not load.disturbs


def test_what_the_machine_does_not_count_is_not_known() -> None:
    load = counted(total=(None, None), own=(3.0, 23.0))
    assert load.processor_share is None
    assert not load.disturbs


def test_other_ranks_are_no_others() -> None:
    counter = OtherLoadCounter(
        CPU,
        clock=steps(0.0, 10.0),  # type: ignore[arg-type]
        all_seconds=steps(100.0, 120.0),
        own_seconds=steps(0.0, 10.0),  # type: ignore[arg-type]
        gpu_processes=lambda _: None,
    )
    assert counter.seen(lambda seconds: 2 * seconds).processor_share == 0.0


def test_a_second_process_on_the_gpu_disturbs() -> None:
    """The most that was seen counts: it may be gone at the end."""
    seen = iter([3, 1])
    counter = OtherLoadCounter(CPU, gpu_processes=lambda _: next(seen))
    load = counter.seen()
    assert load.gpu_processes == 2
    assert load.disturbs
    assert gpu_process_count(CPU) is None


def test_this_machine_counts_at_least_our_own_work() -> None:
    total, own = busy_seconds(), process_seconds()
    while process_seconds() < own + 0.05:
        sum(range(10_000))
    assert total is not None
    assert (busy_seconds() or 0.0) > total
