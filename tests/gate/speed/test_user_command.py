"""A user's own training under the speed gate: two checkouts of a script that follows the line protocol."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.gate.speed.speed_gate import SpeedComparison, SpeedRules, compare_command
from bench.gate.speed.stepping import Effort
from bench.gate.speed.versions import other_checkout

EFFORT = Effort(blocks=2, warmup=1, pairs=4, seconds_to_answer=20)
RULES = SpeedRules(effort=EFFORT)
SCRIPT = """
import json, os, sys, time
seed = int(os.environ["BENCH_GATE_SEED"])
for step in range(1, 30):
    time.sleep({seconds})
    print("a line of the training's own", flush=True)
    print(json.dumps({{"bench_step": step, "tokens": 100, "loss": 5 + seed - {learns} * step, "gradient_norm": 2.0,
                       "pid": os.getpid(){more}}}), flush=True)
    sys.stdin.readline()
"""


def checkout(folder: Path, *, seconds: float = 0.02, learns: float = 0.1, more: str = "") -> Path:
    folder.mkdir()
    (folder / "train.py").write_text(SCRIPT.format(seconds=seconds, learns=learns, more=more))
    return folder


def compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **ours: Any) -> SpeedComparison:
    monkeypatch.chdir(checkout(tmp_path / "ours", **ours))
    theirs = checkout(tmp_path / "theirs")
    command = f"{sys.executable} train.py"
    return compare_command(command, theirs, "theirs", home=tmp_path / "home", rules=replace(RULES, threshold=0.2))


def test_equal_checkouts_are_go_by_the_wall_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = compared(tmp_path, monkeypatch)
    assert [check.verdict for check in found.learning] == ["same", "same"]
    assert [clock.clock for clock in found.clocks] == ["wall"]
    assert (found.suite, found.ours, found.theirs) == ("command", "this folder", "theirs")
    assert "a line of the training's own" in (tmp_path / "home" / "logs" / "gate-command-ours.txt").read_text()


def test_a_slower_checkout_and_one_that_learns_less_are_no_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = compared(tmp_path, monkeypatch, seconds=0.2)
    assert (slow.verdict, slow.answer) == ("slower", "no-go")
    (tmp_path / "ours" / "train.py").write_text(SCRIPT.format(seconds=0.005, learns=-1.0, more=""))
    command = f"{sys.executable} train.py"
    wrong = compare_command(command, tmp_path / "theirs", "theirs", home=tmp_path / "home", rules=RULES)
    assert (wrong.learning[0].verdict, wrong.answer) == ("different", "no-go")


def test_reported_processor_time_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout(tmp_path / "ours", more=', "cpu": 0.2 * step'))
    theirs = checkout(tmp_path / "theirs", more=', "cpu": 0.1 * step')
    command = f"{sys.executable} train.py"
    found = compare_command(command, theirs, "theirs", home=tmp_path / "home", rules=RULES)
    assert found.clocks[0].clock == "cpu"
    assert found.clocks[0].slowdown.ratio == pytest.approx(2.0)


def test_no_process_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pids").mkdir()
    more = ', "at": open("../pids/" + str(os.getpid()), "w").close()'
    compared(tmp_path, monkeypatch, more=more)
    pids = [int(file.name) for file in (tmp_path / "pids").iterdir()]
    assert len(pids) == EFFORT.blocks
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("import sys; sys.exit('no data here')", "its process ended: no data here"),
        ('print(\'{"bench_step": 1, "loss": 2.0}\', flush=True); input()', "has no number 'tokens'"),
        ("import time; time.sleep(60)", "did not answer within 1 s"),
    ],
)
def test_a_command_that_breaks_the_protocol_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(script)
    effort = Effort(blocks=2, seconds_to_answer=1 if "sleep" in script else 20)
    with pytest.raises(InputError, match=says):
        compare_command(
            f"{sys.executable} train.py", tmp_path, "x", home=tmp_path / "home", rules=replace(RULES, effort=effort)
        )


def test_a_command_that_does_not_exist_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="does not start"):
        compare_command("no-such-program --x", tmp_path, "x", home=tmp_path / "home", rules=RULES)


def test_the_other_checkout_is_a_folder_or_a_ref_of_this_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = checkout(tmp_path / "repository")
    inner = repository / "inner"
    inner.mkdir()
    (inner / "file").write_text("first")
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "first")):
        subprocess.run(["git", "-C", str(repository), *command], check=True)  # noqa: S607  # as the product calls it
    (inner / "file").write_text("second")
    monkeypatch.chdir(inner)
    name, folder = other_checkout("HEAD", home=tmp_path / "home")
    assert name.startswith("HEAD (")
    assert (folder / "file").read_text() == "first", "the same subfolder of the unpacked commit"
    assert other_checkout(str(repository), home=tmp_path / "home") == (str(repository), repository)
    with pytest.raises(InputError, match="git knows no such commit"):
        other_checkout("no-such-ref", home=tmp_path / "home")
