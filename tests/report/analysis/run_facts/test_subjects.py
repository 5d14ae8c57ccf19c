"""Who is in a run: asked for every arm, eval and cell of a report, so it must not be found anew each time."""

import pytest

from bench.report.analysis.run_facts.subjects import arms_by_name, planned_arms, subjects
from bench.suite.tables.suite import Suite
from tests.fakes.records import make_run


def test_a_records_arms_are_found_once_and_another_records_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    record = make_run().load()
    asked = []
    expand = Suite.expand
    monkeypatch.setattr(Suite, "expand", lambda suite: asked.append(suite) or expand(suite))
    for _ in range(50):
        assert set(arms_by_name(record)) < set(subjects(record))
    assert len(asked) <= 2
    fewer = record.model_copy(update={"trainings": record.trainings[:1]})
    assert len(planned_arms(fewer)) < len(planned_arms(record))
