"""`bench gate` and `bench export` as a process: exit codes and words that a CI can rely on."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.report.export.pytest_benchmark import describe
from tests.fakes import process
from tests.fakes.records import make_run


def bench(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in `cwd`."""
    return process.bench(cwd, *arguments, COLUMNS="160")


def to_nobody(*arguments: str, cwd: Path) -> tuple[int, str]:
    """Exit code and errors of a command whose reader, such as `head`, has gone before the first line."""
    own = {"BENCH_HOME": str(cwd / "home"), "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-m", "bench", *arguments], cwd=cwd, env={**os.environ, **own},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as unread:  # fmt: skip
        unread.stdout.close()
        return unread.wait(), unread.stderr.read()


SEEDS = (0, 1, 2, 3, 4)
"""Three pairs of seeds resolve no drop of one cell of 28: Holm's first level is 0.2%."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two stored runs: a sound one and one with a failed training."""
    place = tmp_path_factory.mktemp("gate")
    make_run(place / "stored", examples=100, seeds=SEEDS).write()
    make_run(place / "broken", examples=100, seeds=SEEDS, failed_training="lima_1k/full#1").write()
    return place


def test_a_run_is_go_against_itself(folder: Path) -> None:
    done = bench("gate", "quality", "stored", "--against", "stored", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("go: ")


def test_a_run_with_missing_cells_is_incomplete_not_green(folder: Path) -> None:
    done = bench("gate", "quality", "broken", "--against", "stored", cwd=folder)
    unread = to_nobody("gate", "quality", "broken", "--against", "stored", cwd=folder)
    assert unread == (done.returncode, "")  # a verdict that nobody reads is the same verdict
    assert to_nobody("list", "metrics", cwd=folder) == (0, "")  # and what cannot be read to the end has not failed
    assert done.returncode == 3
    assert "this run's own report is incomplete; 4 of 28 cells unresolved" in done.stdout.splitlines()[-1]


def test_a_run_that_got_worse_fails_by_exit_code(folder: Path) -> None:
    worse = make_run(folder / "worse", examples=100, seeds=SEEDS)
    rows = {
        key: [row.model_copy(update={"metrics": dict.fromkeys(row.metrics, 0.0)}) for row in found]
        if key[0] == "qa" and key[1].startswith("lima_1k/full")
        else found
        for key, found in worse.rows.items()
    }
    dataclasses.replace(worse, rows=rows).write()
    done = bench("gate", "quality", "worse", "--against", "stored", cwd=folder)
    assert done.returncode == 1, done.stdout
    assert "no-go: 1 score got worse" in done.stdout


def test_the_json_of_a_quality_check_has_every_arm_and_eval(folder: Path) -> None:
    done = bench("gate", "quality", "stored", "--against", "stored", "--json", cwd=folder)
    found = json.loads(done.stdout)
    assert (found["exit_code"], len(found["changes"])) == (0, 7 * 4)


def test_an_export_is_a_history(folder: Path) -> None:
    done = bench("export", "stored", "--to", "pytest-benchmark", "--out", "history/0001_run.json", cwd=folder)
    assert (done.returncode, done.stdout.strip()) == (0, "history/0001_run.json")
    shown = bench("gate", "history", "history", cwd=folder)
    assert shown.returncode == 0
    assert "train[lima_vs_alpaca" in shown.stdout
    assert "no verdict" in shown.stdout
    drawn = bench("report", "stored", "--history", "history", cwd=folder)
    assert drawn.returncode == 0, drawn.stderr
    assert "Times of earlier runs" in drawn.stdout
    told = json.loads(bench("report", "stored", "--history", "history", "--json", cwd=folder).stdout)
    assert {"name", "entries", "ratio"} <= told["history"][0].keys()


def test_history_advises_and_never_blocks(folder: Path) -> None:
    for number, median in enumerate([1.0, 1.0, 9.0]):
        content = {"datetime": f"2026-01-0{number + 1}", "benchmarks": [{"fullname": "x", "stats": describe([median])}]}
        path = folder / "slow" / f"{number}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
    done = bench("gate", "history", "slow", cwd=folder)
    assert done.returncode == 0
    assert "+800%" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "reference"),
    [
        (("gate", "exact", "lima_vs_alpaca", "--baseline", "none.json"), "gate.no-baseline"),
        (("gate", "speed", "lima_vs_alpaca", "--against", "no-such-ref"), "gate.unknown-version"),
        (("gate", "quality", "stored", "--against", "nothing"), "run"),
        (("gate", "history", "nothing"), "gate.no-history"),
        (("export", "stored", "--to", "model-index"), "export.no-arm"),
        (("gate", "speed", "lima_vs_alpaca"), "usage"),
    ],
)
def test_what_is_wrong_is_said_with_a_hint(folder: Path, arguments: tuple[str, ...], reference: str) -> None:
    done = bench(*arguments, cwd=folder)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error[{reference}")
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr
