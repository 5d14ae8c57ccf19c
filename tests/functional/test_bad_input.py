"""Whatever is wrong with the input, the user is told what, where and the next step; nothing starts, nothing is written.

One row of `tests/fakes/bad_input.py` is one mistake that users make. Each ends in `error[…]`, `where:`, `hint:` and
exit code 2, without a traceback and without a file that was not there before. Most run in this process for speed,
through the same `main` that `python -m bench` calls; `AS_PROCESS` names those that run as one.
"""

import errno
import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.cli import main as cli
from bench.run import run
from bench.run.estimate import forecast
from bench.run.process.server import ChildServer
from tests.fakes.bad_input import CASES, PLAN, Case, bad
from tests.fakes.process import bench
from tests.fakes.suite_files import write_rows, write_suite

AS_PROCESS = (
    "missing suite",
    "syntax error",
    "unknown key",
    "budget of zero",
    "unknown card",
    "unknown lm-eval task",
    "run only an unknown arm",
    "model without weights",
    "not JSON at row 17",
    "only empty answers",
    "no hub for the model",
    "home is a file",
    "unknown option",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the user saw."""

    code: int
    out: str
    err: str


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def prepare(case: Case, folder: Path) -> None:
    write_suite(folder, replace=case.replace)
    case.spoil(folder)


def judge(case: Case, told: Told, before: dict[str, bytes], folder: Path) -> None:
    assert told.code == 2, told.err
    assert "Traceback" not in told.err
    lines = told.err.splitlines()
    problems = [line for line in lines if line.startswith("error[")]
    assert any(line.startswith(f"error[{case.reference}") for line in problems), told.err
    assert "error[internal]" not in told.err
    assert case.says in told.err
    assert sum(line.startswith("  hint: ") for line in lines) == len(problems), told.err
    if case.reference != "usage":
        assert sum(line.startswith("  where: ") for line in lines) == len(problems), told.err
    assert told.out == ""
    after = files(folder)
    assert {name: after.get(name) for name in before} == before
    assert [name for name in after.keys() - before.keys() if not whole(name)] == []


def whole(name: str) -> bool:
    """What may be kept of an attempt that was refused: rows that were read whole, what was found good, a child's log,
    hashes of the code."""
    kept = ("home/data/", "home/checked/", "home/rehearsed/", "home/counts/", "home/counted.txt", "home/checked.txt")
    return name.startswith((*kept, "home/logs/", "home/code.json")) and not Path(name).name.startswith(".")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_bad_input_is_refused(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(case, tmp_path)
    before = files(tmp_path)
    for room in (run, forecast):  # without the libraries, which see no more of such an input
        monkeypatch.setattr(room, "ChildServer", functools.partial(ChildServer, module="tests.fakes.worker"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "argv", ["bench", *case.command])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    printed = capsys.readouterr()
    judge(case, Told(code=int(caught.value.code or 0), out=printed.out, err=printed.err), before, tmp_path)


@pytest.mark.parametrize("case", [case for case in CASES if case.id in AS_PROCESS], ids=lambda case: case.id)
def test_bad_input_is_refused_by_the_process(case: Case, tmp_path: Path) -> None:
    refuse_as_process(case, tmp_path)


def test_data_that_only_the_hub_has_is_refused_without_one_where_nothing_can_run_without(tmp_path: Path) -> None:
    """As a process only: it waits for the child that has the hub's library."""
    source = {
        '"rows.jsonl"': '"nobody/nothing-here"',
        'kind = "lm_eval"\ntasks = ["toy"]\ninclude = "tasks"': 'kind = "loss"\ndata = { source = "data:rows" }',
    }
    refuse_as_process(
        bad("no hub for data", "hub.unreachable", "nobody/nothing-here", command=PLAN, replace=source), tmp_path
    )


def test_a_tutorial_without_the_hub_is_refused_with_its_offline_profile(tmp_path: Path) -> None:
    """Base and rows alike, in one message, before any work."""
    command = ("run", "tutorials/gpt2_alpaca_cleaned", "--quiet")
    case = bad("no hub for a tutorial", "hub.unreachable", "openai-community/gpt2", command=command)
    told = refuse_as_process(case, tmp_path)
    assert "yahma/alpaca-cleaned" in told.err
    assert told.err.count("hint: --profile micro needs no hub; ") == 2


def refuse_as_process(case: Case, folder: Path) -> Told:
    prepare(case, folder)
    before = files(folder)
    done = bench(folder, *case.command)
    told = Told(code=done.returncode, out=done.stdout, err=done.stderr)
    judge(case, told, before, folder)
    return told


def test_a_full_disk_is_told_and_leaves_nothing_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    case = Case(id="no space", command=PLAN, reference="", says="No space left on device")
    prepare(case, tmp_path)
    before = files(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "argv", ["bench", *case.command])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    printed = capsys.readouterr()
    judge(case, Told(code=int(caught.value.code or 0), out=printed.out, err=printed.err), before, tmp_path)
    assert files(tmp_path).keys() == before.keys()


def test_all_problems_of_a_suite_are_told_in_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {"learning_rate = 1e-3": "learning_rate = -1", "seeds = [0]": "seeds = []", "[budget]": "[bugdet]"}
    write_suite(tmp_path, replace=changes)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bench", *PLAN])
    with pytest.raises(SystemExit):
        cli.main()
    told = capsys.readouterr().err
    assert told.count("error[") == 4  # the budget is both missing and misspelt


def test_the_table_is_long_enough() -> None:
    assert len({case.id for case in CASES}) == len(CASES) >= 40
    assert {case.id for case in CASES} >= set(AS_PROCESS)
    assert len(AS_PROCESS) >= 10


@pytest.mark.parametrize("command", [("validate",), ("plan",), ("run", "--quiet")])
def test_code_in_a_task_file_is_told_with_the_faults_of_others(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever mends the other faults first would hear of the code only afterwards."""
    path = write_suite(tmp_path, replace={'["toy"]': '["toy", "coded"]'})
    task = (tmp_path / "tasks/toy.yaml").read_text(encoding="utf-8")
    coded = task.replace("task: toy", "task: coded").replace('"{{question}}"', "!function m.f")
    (tmp_path / "tasks/coded.yaml").write_text(coded, encoding="utf-8")
    (tmp_path / "tasks/toy.yaml").write_text(task.replace("{{question}}", "{{queston}}"), encoding="utf-8")
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "argv", ["bench", *command, str(path)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    told = capsys.readouterr().err
    assert caught.value.code == 2
    assert "error[tasks.code]" in told
    assert "error[eval.task-field]" in told


@pytest.mark.parametrize("command", ["plan", "run"])
def test_faults_of_files_rows_machine_and_arguments_come_together(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each was told only once the kind before it was mended, though none needs a library to see."""
    judge = '[[eval]]\nname = "judged"\nkind = "judge"\ndata = { source = "other.jsonl" }\n[eval.judge.endpoint]\n'
    judge += 'base_url = "http://127.0.0.1:9/v1"\nmodel = "m"\nkey_env = "NO_SUCH_KEY"\n[[claim]]'
    path = write_suite(tmp_path, replace={'["toy"]': '["toi"]', "[[claim]]": judge})
    write_rows(tmp_path / "other.jsonl")
    with (tmp_path / "other.jsonl").open("a", encoding="utf-8") as file:
        file.write("{torn\n")
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "argv", ["bench", command, str(path), "--only", "nothing/*"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    told = capsys.readouterr().err
    assert caught.value.code == 2
    for reference in ("eval.unknown-task", "data.not-json", "endpoint.no-key", "run.unknown-arm"):
        assert told.count(f"error[{reference}]") == 1, told
