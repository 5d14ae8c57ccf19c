"""Speed probes take turns, round by round, until the speeds are told apart: eight steps of one misled the frontier."""

import pytest

from bench.record.jobs.train_job import ProbeJob
from bench.record.results.training.result import ProbeResult
from bench.run.plan.plan import plan
from bench.run.plan.probe_rounds import in_round, resolved, rounds_of, without_later, without_needless_rounds
from bench.run.plan.types import Plan, PlannedJob
from bench.run.resolve.suite import resolve
from tests.fakes.suites import fake_suite


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    root = tmp_path_factory.mktemp("probes")
    suite = fake_suite(root, run={"workers": 2, "probe_steps": 2, "probe_rounds": 3})
    return plan(resolve(suite, home=root / "home"), home=root / "home")


def result(speed: float | None) -> ProbeResult:
    return ProbeResult(
        steps=2, tokens=9, slots=9, tokens_per_second=speed, peak_process_bytes=None, peak_device_bytes=None
    )


def ids(jobs: list[PlannedJob]) -> list[str]:
    return [job.job.id for job in sorted(jobs, key=lambda job: job.rank)]


def test_each_round_goes_back_the_way_that_the_last_one_came(planned: Plan) -> None:
    probes = [job for job in planned.jobs if isinstance(job.job, ProbeJob)]
    assert ids(probes) == [
        "probe:few/full", "probe:few/lora", "probe:few/lora#2", "probe:few/full#2", "probe:few/full#3",
        "probe:few/lora#3",
    ]  # fmt: skip
    assert len({job.digest for job in probes}) == 6
    assert max(job.rank for job in probes) < min(job.rank for job in planned.jobs if job not in probes)
    assert rounds_of(planned) == (1, 2, 3)
    assert ids(in_round(planned, 2)) == ["probe:few/lora#2", "probe:few/full#2"]


@pytest.mark.parametrize(
    ("speeds", "enough"),
    [
        ({}, False),
        ({"a": [10.0], "b": [20.0]}, False),
        ({"a": [10.0, 10.1], "b": [20.0, 20.2]}, True),
        ({"a": [10.0, 12.0, 11.0], "b": [10.5, 11.0, 12.0]}, False),
        ({"a": [10.0, 12.0, 11.0], "b": [20.0, 24.01, 22.0]}, True),
        ({"a": [10.0, 20.0, 40.0], "b": [10.01, 20.03, 40.01]}, True),
        ({"a": [10.0, 10.1], "b": [20.0, 20.2], "c": [9.0, 11.0]}, False),
        ({"a": [7.0, 7.0], "b": [7.0, 7.0]}, True),
    ],
)
def test_speeds_are_resolved_where_neighbours_differ_or_are_equal_by_their_interval(
    speeds: dict[str, list[float]], enough: bool
) -> None:
    """Paired by round: a machine that slows down for all alike hides nothing."""
    assert resolved(speeds) is enough


def test_rounds_end_where_the_speeds_are_resolved(planned: Plan) -> None:
    speeds = {
        "probe:few/full": 10.0, "probe:few/lora": 20.0, "probe:few/full#2": 10.1, "probe:few/lora#2": 20.1,
    }  # fmt: skip

    def measured(job: PlannedJob) -> ProbeResult | None:
        return result(speeds[job.job.id]) if job.job.id in speeds else None

    assert rounds_of(without_needless_rounds(planned, measured)) == (1, 2)
    speeds["probe:few/lora#2"] = 9.0
    assert without_needless_rounds(planned, measured) == planned, "not resolved"
    del speeds["probe:few/lora#2"]
    assert without_needless_rounds(planned, measured) == planned, "the round is not over"
    assert without_needless_rounds(planned, lambda job: None) == planned


def test_an_arm_whose_probe_failed_is_not_probed_again(planned: Plan) -> None:
    shorter = without_later(planned, 1, {"few/lora"})
    probes = [job for job in shorter.jobs if isinstance(job.job, ProbeJob)]
    assert ids(probes) == ["probe:few/full", "probe:few/lora", "probe:few/full#2", "probe:few/full#3"]
