"""`bench.run.plan.types`: a plan's lists of its jobs."""

from dataclasses import replace
from pathlib import Path

from bench.run.plan.plan import plan
from bench.run.resolve.suite import resolve
from tests.fakes.suites import fake_suite


def test_jobs_to_do_are_listed_once_for_each_plan(tmp_path: Path) -> None:
    """Each eval's rehearsal asks for them: listed anew, those of a thousand arms took a third of `bench plan`."""
    planned = plan(resolve(fake_suite(tmp_path), home=tmp_path / "home"), home=tmp_path / "home")

    assert planned.can_run is planned.can_run
    assert planned.to_do is planned.to_do
    assert len(replace(planned, jobs=planned.jobs[:1]).to_do) == 1 < len(planned.to_do)
