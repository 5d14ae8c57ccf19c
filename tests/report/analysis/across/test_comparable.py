"""What keeps the scores of two runs from being compared, and what may only explain their difference."""

from typing import Any

import pytest

from bench.record.record import Record
from bench.report.analysis.across.comparable import incomparable, other_differences
from tests.fakes.records import FakeRun, make_run


@pytest.fixture(scope="module")
def run() -> FakeRun:
    return make_run(examples=20)


def with_suite(record: Record, **update: Any) -> Record:
    suite = record.resolved.suite.model_copy(update=update)
    return record.model_copy(update={"resolved": record.resolved.model_copy(update={"suite": suite})})


def kept_apart(first: FakeRun, second: Record, rows: Any = None) -> dict[str | None, str]:
    problems = incomparable(first.record, second, (first.rows, rows or first.rows))
    assert all(problem.reference == "compare.not-comparable" and problem.hint for problem in problems)
    return {problem.where: problem.what for problem in problems}


def test_an_eval_that_one_run_has_alone_says_which(run: FakeRun) -> None:
    record = with_suite(run.record, eval=run.record.resolved.suite.eval[1:])
    name = run.record.resolved.suite.eval[0].name
    assert kept_apart(run, record) == {f"eval.{name}": f"only the first run has the eval {name!r}"}


def test_examples_that_ask_something_else_are_counted(run: FakeRun) -> None:
    name = run.record.resolved.suite.eval[0].name
    rows = {
        key: [row.model_copy(update={"prompt": f"{row.prompt}?"}) if key[0] == name and at < 3 else row
              for at, row in enumerate(of)]
        for key, of in run.rows.items()
    }  # fmt: skip
    (found,) = kept_apart(run, run.record, rows).values()
    assert found.count("20 examples, 17 of them in both") == 2


@pytest.mark.parametrize(
    ("update", "stays"), [({"num_fewshot": 3}, False), ({"limit": 5}, False), ({"include": "elsewhere"}, True)]
)
def test_settings_of_an_eval_count_and_the_place_of_its_files_does_not(
    run: FakeRun, update: dict[str, Any], stays: bool
) -> None:
    first, *others = run.record.resolved.suite.eval
    record = with_suite(run.record, eval=(first.model_copy(update=update), *others))
    assert (not kept_apart(run, record)) is stays
    assert not other_differences(run.record, record), "they are said once"


def test_data_base_and_commit_may_differ_and_are_listed(run: FakeRun) -> None:
    resolved = run.record.resolved
    name = next(name for name in resolved.data if not name.startswith("eval:"))
    data = {**resolved.data, name: resolved.data[name].model_copy(update={"sha256": "9" * 64})}
    model = resolved.model.model_copy(update={"sha256": "8" * 64})
    record = run.record.model_copy(
        update={"git": None, "resolved": resolved.model_copy(update={"data": data, "model": model})}
    )
    assert not kept_apart(run, record)
    found = {difference.key: difference.second for difference in other_differences(run.record, record)}
    assert found.pop("git", "–") == "–"
    assert found == {"base": f"{model.name}, sha256 {'8' * 12}", f"data.{name}.sha256": "9" * 12}
