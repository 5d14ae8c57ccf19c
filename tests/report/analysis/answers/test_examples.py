"""Examples behind the cells: all of them where they fit, else a draw that no answer can bias."""

from collections.abc import Callable
from typing import Any

import pytest

from bench.record.results.evals.evaluation import ScoreRow
from bench.report.analysis.aligned.align import align
from bench.report.analysis.aligned.score_rows import read_rows
from bench.report.analysis.answers.examples import LONGEST_TEXT, EvalExamples, examples
from tests.fakes.records import FakeRun, make_run


def picked(run: FakeRun, **limits: Any) -> dict[str, EvalExamples]:
    rows = read_rows(run, run.record)
    return {entry.measurand: entry for entry in examples(run.record, align(run.record, rows), rows, **limits)}


def changed(run: FakeRun, change: Callable[[ScoreRow], dict[str, Any]]) -> FakeRun:
    """The run with other rows."""
    rows = {key: [row.model_copy(update=change(row)) for row in scored] for key, scored in run.rows.items()}
    return run.changed(rows=rows)


@pytest.fixture(scope="module")
def run() -> FakeRun:
    return make_run(examples=30, missing=0.05, failed_training="lima_1k/full#1")


def test_every_example_has_its_scores_and_texts(run: FakeRun) -> None:
    entry = picked(run)["choice"]
    assert entry.shown == entry.total == 30
    rows = {(row.task, row.id): row for row in run.rows["choice", "lima_1k/full#2"]}
    lima = entry.arms["lima_1k/full"][2]
    assert lima.subject == "lima_1k/full#2"
    for task, identity, score, output in zip(entry.tasks, entry.ids, lima.scores, lima.outputs, strict=True):
        row = rows[task, identity]
        assert row.metrics["acc"] == score
        assert row.output == output
    assert entry.options[7] == rows[entry.tasks[7], entry.ids[7]].options == ("Town 7", "Town 8")
    assert not any(picked(run)["qa"].options), "answers that were written"
    assert set(entry.arms["lima_1k/full"][1].scores) == {None}, "a training that failed has no score, and is listed"


def test_what_does_not_fit_is_drawn_before_any_answer_is_seen(run: FakeRun) -> None:
    subjects = 19
    few = picked(run, answers=subjects * 5 * 7)["choice"]
    assert (few.shown, few.total) == (7, 30)
    swapped = changed(run, lambda row: {"output": "x", "metrics": dict.fromkeys(row.metrics, 1.0)})
    other = picked(swapped, answers=subjects * 5 * 7)["choice"]
    assert other.ids == few.ids
    order = picked(run)["choice"].ids
    assert [order.index(identity) for identity in few.ids] == sorted(order.index(identity) for identity in few.ids)


def test_long_texts_are_cut_and_counted(run: FakeRun) -> None:
    long = changed(run, lambda row: {"output": f"{row.id} {len(row.output or '')} " + "y" * 9000})
    entries = picked(long, characters=200_000)
    for entry in entries.values():
        assert 1 <= entry.shown < 30
        texts = {text for seeds in entry.arms.values() for seed in seeds for text in seed.outputs if text is not None}
        assert {len(text) for text in texts} == {LONGEST_TEXT}
        assert sum(map(len, texts)) <= 200_000 / 5 + 19 * LONGEST_TEXT
