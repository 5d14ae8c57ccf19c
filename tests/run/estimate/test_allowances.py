"""What jobs are allowed on other machines: what the plan estimates, with room, and nothing where it knows nothing."""

from pathlib import Path

import pytest

from bench.record.store import JobStore
from bench.run.estimate import allowances
from bench.run.estimate.allowances import job_allowances
from bench.run.estimate.job_costs import JobCosts, TrainingCost
from bench.run.executors.allowance import Allowance
from bench.run.plan.plan import plan
from bench.run.plan.types import Plan
from bench.run.resolve.suite import resolve
from bench.units import GIB
from tests.fakes.suites import SERVER, fake_suite, run_below


def planned(root: Path) -> Plan:
    home = root / "home"
    return plan(resolve(fake_suite(root, seeds=(0,)), home=home, server=SERVER), home=home)


def by_kind(planned: Plan, root: Path) -> dict[str, set[Allowance | None]]:
    allowed = job_allowances(planned, home=root / "home", server=SERVER)
    kinds: dict[str, set[Allowance | None]] = {}
    for entry in planned.can_run:
        kinds.setdefault(entry.job.kind, set()).add(allowed.get(entry.digest))
    return kinds


def costing(monkeypatch: pytest.MonkeyPatch, cost: TrainingCost) -> None:
    monkeypatch.setattr(JobCosts, "training", lambda self, job, counts, to_do: cost)


def test_a_training_is_allowed_a_multiple_of_its_estimate_and_a_probe_its_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rough estimate gets more room than a measured one; an eval that never ran has no allowance of time."""
    jobs = planned(tmp_path)
    (steps,) = {count.steps for count in allowances.exact_counts(
        {entry.job.arm: entry.job for entry in jobs.jobs if entry.job.kind == "train"}, workers=1,
        home=tmp_path / "home", server=SERVER,
    ).values()}  # fmt: skip
    (asked,) = {entry.job.steps for entry in jobs.jobs if entry.job.kind == "probe"}
    costing(
        monkeypatch,
        TrainingCost(seconds=20_000.0, seconds_from="probe", memory_bytes=4 * GIB, memory_from="shapes"),
    )
    kinds = by_kind(jobs, tmp_path)
    part = min(1.0, asked / steps)
    assert kinds["train"] == {Allowance(seconds=3 * 20_001.0, memory_gib=6.0)}
    assert kinds["probe"] == {Allowance(seconds=3 * (1 + part * 20_000.0), memory_gib=6.0)}
    assert {None if allowed is None else allowed.seconds for allowed in kinds["eval"]} == {None}
    costing(
        monkeypatch,
        TrainingCost(seconds=20_000.0, seconds_from="rough", memory_bytes=GIB, memory_from="shapes"),
    )
    assert by_kind(jobs, tmp_path)["train"] == {Allowance(seconds=6 * 20_001.0, memory_gib=2.0)}


def test_an_eval_that_ran_before_is_allowed_a_multiple_of_what_it_took(tmp_path: Path) -> None:
    run_below(tmp_path, fake_suite(tmp_path, seeds=(0,)))
    store = JobStore(home=tmp_path / "home")
    for digest in store.digests():
        manifest = store.done(digest)
        path = store.folder(digest) / "manifest.json"
        path.write_text(manifest.model_copy(update={"seconds": 1000.0}).model_dump_json())
    again = plan(
        resolve(fake_suite(tmp_path, seeds=(1,)), home=tmp_path / "home", server=SERVER), home=tmp_path / "home"
    )
    assert {allowed.seconds for allowed in by_kind(again, tmp_path)["eval"]} == {3000.0}


def test_on_a_gpu_the_estimate_of_memory_is_the_devices_and_no_allowance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = planned(tmp_path)
    monkeypatch.setattr(allowances, "device", lambda: "cuda: H100")
    (allowed,) = by_kind(jobs, tmp_path)["train"]
    assert (allowed.memory_gib, allowed.seconds) == (None, 600.0)
