"""Examples that count twice and scores that cannot be computed with are named, never used in silence."""

from collections.abc import Callable

import pytest

from bench.record.results.evals.evaluation import ScoreRow
from bench.report.compare import compare
from tests.fakes.records import FakeRun, make_run


def changed(change: Callable[[list[ScoreRow], str], list[ScoreRow]], name: str = "choice") -> FakeRun:
    run = make_run(examples=40)
    rows = {key: change(list(found), key[1]) if key[0] == name else found for key, found in run.rows.items()}
    return run.changed(rows=rows)


def twice(rows: list[ScoreRow], subject: str) -> list[ScoreRow]:
    return [*rows, rows[0].model_copy(update={"prompt": "another"})]


def copies(rows: list[ScoreRow], subject: str) -> list[ScoreRow]:
    return [*rows, *(row.model_copy(update={"id": f"copy{row.id}"}) for row in rows[:3])]


def huge(rows: list[ScoreRow], subject: str) -> list[ScoreRow]:
    if subject != "lima_1k/full#1":
        return rows
    metrics = dict.fromkeys(rows[0].metrics, 1e308)
    return [rows[0].model_copy(update={"metrics": metrics}), *rows[1:]]


def test_a_sound_run_has_no_faults() -> None:
    comparison = compare(make_run(examples=20), replicates=100)
    for check in comparison.example_checks:
        assert (check.repeated_ids, check.repeated_texts, check.unusable_scores) == (0, 0, 0)


@pytest.mark.parametrize(
    ("run", "measurand", "name", "words"),
    [
        (changed(twice), "choice", "ids repeat", "1 row beside 40 examples"),
        (changed(copies), "choice", "examples repeat", "3 of 43 examples"),
        (changed(huge, "heldout"), "heldout", "scores unusable", "1 score beyond 1e100"),
    ],
)
def test_faulty_examples_are_named_with_their_number(run: FakeRun, measurand: str, name: str, words: str) -> None:
    comparison = compare(run, replicates=100)
    (finding,) = [found for found in comparison.sanity if found.name == name]
    assert finding.measurand == measurand
    assert finding.detail.startswith(words)


def test_a_score_beyond_arithmetic_is_a_missing_one() -> None:
    """1e308 squared is infinite: one such score made every interval of its eval a NaN."""
    result = compare(changed(huge, "heldout"), replicates=100).results["lima_1k/full", "heldout"]
    bounds = result.versus_base.delta.bounds
    assert bounds.missing == pytest.approx(1 / (3 * 78))  # one score of three seeds on 78 rows
    assert result.value.high is not None
    assert result.value.high < 10
