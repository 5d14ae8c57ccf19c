"""A run records which examples of its evals stand in its training rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.record.contamination import ContaminationRecord
from bench.run import overlap_search
from bench.run.process.server import ChildServer
from tests.fakes.suites import fake_rows, fake_suite, run_below

SINGLE_WORDS = {"ngram": 1, "shortest": 1}
TWO_EVALS = tuple({"kind": "lm_eval", "name": name, "tasks": (name,)} for name in ("qa", "other_qa"))
"""Without data of their own: the rows of such an eval's data are kept out of the training rows."""


def go(root: Path, **changes: Any) -> dict[tuple[str, str], ContaminationRecord]:
    """The fake evals ask `q0` and `q1`; the rows hold `q0` to `q11`."""
    loaded = fake_suite(root, **{"eval": TWO_EVALS, **changes})
    directory = run_below(root, loaded)
    return {(found.data, found.eval): found for found in directory.load().contamination}


def test_each_data_set_is_compared_with_each_eval_in_the_suites_own_terms(tmp_path: Path) -> None:
    found = go(tmp_path, contamination=SINGLE_WORDS)
    assert set(found) == {("few", "qa"), ("few", "other_qa")}
    assert found["few", "qa"].found == (("t", "0"), ("t", "1"))
    assert (found["few", "qa"].examples, found["few", "qa"].judged, found["few", "qa"].ngram) == (2, 2, 1)


def test_two_words_are_not_judged_by_default(tmp_path: Path) -> None:
    found = go(tmp_path)["few", "qa"]
    assert (found.ngram, found.shortest, found.judged, found.found) == (13, 8, 0, ())


def test_rows_that_say_something_else_are_clean(tmp_path: Path) -> None:
    rows = [json.dumps({"instruction": f"other{n}", "output": "x"}) for n in range(3)]
    (tmp_path / "other.jsonl").write_text("\n".join(rows))
    data = {"few": {"source": "few.jsonl"}, "other": {"source": "other.jsonl"}}
    arms = {"data": ("few", "other"), "recipe": ("full",)}
    found = go(tmp_path, contamination=SINGLE_WORDS, data=data, arms=arms)
    assert len(found["few", "qa"].found) == 2
    assert found["other", "qa"].found == ()


def test_a_repeated_run_does_not_search_again_and_other_rows_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = []
    original = overlap_search.overlaps

    def counted(*given: Any, **options: Any) -> Any:
        searched.append(len(given[0].by_eval))
        return original(*given, **options)

    monkeypatch.setattr(overlap_search, "overlaps", counted)
    first = go(tmp_path, contamination=SINGLE_WORDS)
    assert searched == [2], "both evals in one pass over the rows"
    assert go(tmp_path, contamination=SINGLE_WORDS) == first
    assert searched == [2]
    fake_rows(tmp_path / "more.jsonl", rows=13)
    go(tmp_path, contamination=SINGLE_WORDS, data={"few": {"source": "more.jsonl"}})
    assert len(searched) == 2


def test_an_eval_that_no_subject_finished_is_left_out(tmp_path: Path) -> None:
    """What is not known is not recorded as clean."""
    loaded = fake_suite(tmp_path, contamination=SINGLE_WORDS)
    directory = run_below(tmp_path, loaded, server=ChildServer(module="tests.fakes.failing_evals"), go_on=True)
    assert directory.load().contamination == ()
