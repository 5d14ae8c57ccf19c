"""pytest-benchmark's JSON, out and in: a file that its own tool cannot read is no interchange."""

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.report.export.pytest_benchmark import describe, pytest_benchmark_json
from bench.report.imported.stored_times import read_history
from tests.fakes.records import make_run


def stored(path: Path, medians: dict[str, float], when: str) -> Path:
    """A file with one round per benchmark."""
    benchmarks = [{"fullname": name, "stats": describe([median])} for name, median in medians.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"datetime": when, "benchmarks": benchmarks}))
    return path


@pytest.fixture(scope="module")
def exported() -> dict[str, Any]:
    """A finished run."""
    return pytest_benchmark_json(make_run(examples=5).record)


def test_the_tool_itself_reads_it(tmp_path: Path, exported: dict[str, Any]) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(exported, allow_nan=False))
    command = [sys.executable, "-m", "pytest_benchmark", "compare", str(path), "--csv", str(tmp_path / "out.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "train[lima_vs_alpaca" in done.stdout
    assert "lima_1k/full" in (tmp_path / "out.csv").read_text()


def test_every_arm_and_eval_is_there_with_its_counts(exported: dict[str, Any]) -> None:
    names = [one["name"] for one in exported["benchmarks"]]
    assert sum(name.startswith("train[") for name in names) == 6
    assert sum(name.startswith("eval[") for name in names) == 5 * 7
    training = next(one for one in exported["benchmarks"] if "lima_1k/full" in one["name"])
    assert training["stats"]["rounds"] == 3 * (50 - 3), "three seeds, warm-up left out"
    assert training["extra_info"]["tokens"] == 60_000
    assert training["extra_info"]["slots"] == 75_000
    assert training["extra_info"]["tokens_per_second"] > 10_000
    assert training["extra_info"]["shared"] is False


def test_an_evals_counts_are_the_mean_over_its_seeds() -> None:
    record = make_run(examples=5).record
    sizes = iter(range(100, 100 + 10 * len(record.evaluations), 10))
    counted = [
        one.model_copy(update={"result": one.result.model_copy(update={"tokens": size, "slots": 2 * size})})
        for one, size in ((one, next(sizes)) for one in record.evaluations)
        if one.result is not None
    ]
    exported = pytest_benchmark_json(record.model_copy(update={"evaluations": tuple(counted)}))
    mine = [one.result.tokens for one in counted if (one.eval, one.arm) == ("qa", "lima_1k/full")]
    info = next(one["extra_info"] for one in exported["benchmarks"] if ":qa:lima_1k/full]" in one["name"])
    assert len(mine) == 3
    assert (info["tokens"], info["slots"]) == (statistics.fmean(mine), 2 * statistics.fmean(mine))
    older = pytest_benchmark_json(record)["benchmarks"][-1]["extra_info"]
    assert older["tokens"] is None, "a record of before they were counted"


def test_the_statistics_are_those_of_the_tool() -> None:
    from pytest_benchmark.stats import Stats

    data = [0.5, 0.1, 0.2, 0.25, 0.22, 0.9, 0.21]
    theirs = Stats()
    for value in data:
        theirs.update(value)
    ours = describe(data)
    for name in ("min", "max", "mean", "stddev", "rounds", "median", "ops", "total"):
        assert ours[name] == pytest.approx(getattr(theirs, name)), name
    assert describe([0.3])["stddev"] == 0.0


def test_quartiles_and_what_lies_outside_them_by_hand() -> None:
    """0.9 lies above q3 + 1.5 times the range between the quartiles, and alone more than a deviation off the mean."""
    ours = describe([0.5, 0.1, 0.2, 0.25, 0.22, 0.9, 0.21])
    assert (ours["q1"], ours["q3"], ours["iqr"]) == pytest.approx((0.205, 0.375, 0.17))
    assert (ours["ld15iqr"], ours["hd15iqr"]) == (0.1, 0.5)
    assert (ours["iqr_outliers"], ours["stddev_outliers"], ours["outliers"]) == (1, 1, "1;1")
    alone = describe([0.3])
    assert (alone["q1"], alone["q3"], alone["iqr"], alone["outliers"]) == (0.3, 0.3, 0.0, "0;0")


def test_a_round_far_below_the_others_is_an_outlier_too() -> None:
    """0.3 lies below q1 - 1.5 times the range between the quartiles, 0.37, and more than a deviation off the mean."""
    ours = describe([0.5, 0.3, 0.8, 0.75, 0.78, 0.85, 0.79])
    assert (ours["q1"], ours["q3"]) == pytest.approx((0.625, 0.795))
    assert (ours["ld15iqr"], ours["hd15iqr"], ours["outliers"]) == (0.5, 0.85, "1;1")


def test_two_rounds_have_a_deviation_and_rounds_without_time_no_rate() -> None:
    two = describe([0.1, 0.3])
    assert (two["stddev"], two["q1"], two["q3"]) == pytest.approx((0.02**0.5, 0.15, 0.25))
    assert describe([0.0, 0.0])["ops"] == 0.0


def test_a_trend_is_the_newest_over_the_earlier_ones(tmp_path: Path) -> None:
    stored(tmp_path / "b" / "0002.json", {"x": 1.2, "new": 3.0}, "2026-02-01T00:00:00")
    stored(tmp_path / "b" / "0001.json", {"x": 1.0}, "2026-01-01T00:00:00")
    stored(tmp_path / "c.json", {"x": 1.1}, "2026-01-15T00:00:00")
    new, x = read_history([tmp_path / "b", tmp_path / "c.json"])
    assert [entry.median for entry in x.entries] == [1.0, 1.1, 1.2]
    assert x.ratio == pytest.approx(1.2 / statistics.median([1.0, 1.1]))
    assert (new.name, new.ratio) == ("new", None)


def test_what_an_export_wrote_can_be_read_back(tmp_path: Path, exported: dict[str, Any]) -> None:
    (tmp_path / "run.json").write_text(json.dumps(exported))
    assert len(read_history([tmp_path])) == len(exported["benchmarks"])


def test_every_bad_path_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other.json").write_text('{"benchmarks": [{"name": "x"}]}')
    with pytest.raises(InputError) as caught:
        read_history([tmp_path / "missing.json", tmp_path / "empty", tmp_path / "other.json"])
    assert {problem.reference for problem in caught.value.problems} == {"gate.no-history", "gate.bad-history"}
    assert len(caught.value.problems) == 3
