"""The interleaved gate with made-up sides: what it measures, what blocks, and what it says when a side fails."""

from pathlib import Path
from typing import Any

import pytest

from bench.errors import ExitCode, InputError
from bench.gate.speed.speed_gate import SpeedComparison, Training, compare_speed, loaded_pair
from bench.gate.speed.stepping import Effort
from bench.gate.speed.versions import STEP_SERVERS
from tests.fakes.fake_step_server import fake_version, step_server_of

EFFORT = Effort(blocks=4, pairs=8, warmup=1, seconds_to_answer=20)


def compared(
    tmp_path: Path, ours: dict[str, Any], theirs: dict[str, Any] | None = None, effort: Effort = EFFORT
) -> SpeedComparison:
    """One comparison of two made-up versions."""
    training = Training(suite=tmp_path / "a_suite.toml", profile=None, overrides=(), arm=None)
    versions = {
        "ours": fake_version(tmp_path / "after", seed=1, **ours),
        "theirs": fake_version(tmp_path / "before", seed=2, **(theirs or {})),
    }
    with loaded_pair(training, home=tmp_path / "home", effort=effort, **versions) as pair:
        return compare_speed(pair)


def test_equal_versions_are_go(tmp_path: Path) -> None:
    """The other version is one whose step server still has its earlier name."""
    found = compared(tmp_path, {}, {"module": STEP_SERVERS[0]})
    assert (found.verdict, found.answer, found.exit_code) == ("within", "go", ExitCode.OK)
    assert [(check.quantity, check.verdict, check.seeds) for check in found.learning] == [
        ("loss", "same", 4),
        ("first gradient", "same", 4),
    ]
    assert (found.suite, found.arm, found.ours, found.theirs) == ("a_suite", "first/arm", "after", "before")
    assert found.clocks[0].slowdown.pairs == 32
    assert found.differences == ()


def test_a_faster_version_that_learns_less_is_no_go(tmp_path: Path) -> None:
    """Skipped work is the usual reason of a speed-up; it used to pass with a hint."""
    found = compared(tmp_path, {"cpu": 0.08, "learns": 0.02})
    assert (found.verdict, found.answer, found.exit_code) == ("faster", "no-go", ExitCode.GATE_FAILED)
    loss = found.learning[0]
    assert (loss.quantity, loss.verdict) == ("loss", "different")
    assert loss.ours - loss.theirs == pytest.approx(0.08 * 7.5), "mean over the second half of 1 + 8 steps"


def test_another_first_gradient_is_no_go_whatever_the_loss_does(tmp_path: Path) -> None:
    found = compared(tmp_path, {"gradient": 1.8})
    assert [(check.quantity, check.verdict) for check in found.learning] == [
        ("loss", "same"),
        ("first gradient", "different"),
    ]
    assert found.answer == "no-go"


def test_on_other_batches_the_first_gradient_is_not_compared(tmp_path: Path) -> None:
    found = compared(tmp_path, {"gradient": 1.8, "cpu": 0.2, "tokens": 200})
    assert [check.quantity for check in found.learning] == ["loss"]


@pytest.mark.parametrize("old", [{"learns": None}, {"learns": None, "replicates": False}])
def test_a_version_that_reports_no_loss_is_not_shown_to_learn_the_same(tmp_path: Path, old: dict[str, Any]) -> None:
    found = compared(tmp_path, {}, old)
    assert (found.verdict, found.learning, found.answer, found.exit_code) == ("within", (), "inconclusive", 0)


def test_more_work_in_each_step_blocks(tmp_path: Path) -> None:
    found = compared(tmp_path, {"cpu": 0.112})
    assert (found.verdict, found.exit_code) == ("slower", ExitCode.GATE_FAILED)
    assert found.clocks[0].slowdown.ratio == pytest.approx(1.12, abs=0.02)
    assert found.our_step_seconds == pytest.approx(0.112, rel=0.03)


def test_a_step_that_waits_blocks_though_it_works_no_more(tmp_path: Path) -> None:
    """Reading data anew each step costs no processor time."""
    found = compared(tmp_path, {"wait": 0.03})
    cpu, wall = found.clocks
    assert (cpu.clock, cpu.verdict, wall.clock, wall.verdict) == ("cpu", "within", "wall", "slower")
    assert (found.verdict, found.exit_code) == ("slower", ExitCode.GATE_FAILED)


def test_a_little_waiting_is_within_the_wider_threshold(tmp_path: Path) -> None:
    assert compared(tmp_path, {"wait": 0.005}).exit_code == ExitCode.OK


def test_on_a_gpu_the_wall_clock_decides_alone(tmp_path: Path) -> None:
    found = compared(tmp_path, {"wait": 0.1, "cpu": 0.05, "device": "cuda: x"}, {"wait": 0.1, "device": "cuda: x"})
    assert [one.clock for one in found.clocks] == ["wall"]
    assert found.clocks[0].threshold == 0.05
    assert found.verdict == "faster"


def test_speed_is_per_token_where_the_batches_differ(tmp_path: Path) -> None:
    """Twice the tokens in twice the time is the same speed; the count that differs is named."""
    found = compared(tmp_path, {"cpu": 0.2, "tokens": 200, "facts": {"steps": 29, "tokens": 5800}})
    assert found.verdict == "within"
    assert found.differences == ("counts: tokens 2,900 → 5,800",)


def test_other_libraries_are_named(tmp_path: Path) -> None:
    found = compared(tmp_path, {"versions": {"torch": "2.14.0"}})
    assert found.differences == ("libraries: torch 2.13.0 → 2.14.0",)


def test_a_block_ends_with_its_time_but_not_without_pairs(tmp_path: Path) -> None:
    """And never between the halves of A B B A."""
    effort = Effort(blocks=2, pairs=500, fewest_pairs=3, warmup=0, seconds=1e-6, seconds_to_answer=20)
    assert compared(tmp_path, {}, effort=effort).clocks[0].slowdown.pairs == 8


@pytest.mark.parametrize(
    ("ours", "says"),
    [
        ({"fails": "the suite has no arm 'x/y' that trains"}, "no arm 'x/y'"),
        ({"dies": True}, "after: its process ended: the step fell over"),
        ({"protocol": 2}, "after: it speaks protocol 2"),
    ],
)
def test_a_side_that_cannot_is_refused_with_its_own_words(tmp_path: Path, ours: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        compared(tmp_path, ours)


def test_a_side_that_says_nothing_is_not_waited_for_forever(tmp_path: Path) -> None:
    version = fake_version(tmp_path / "mute")
    step_server_of(version).write_text("import time; time.sleep(60)")
    training = Training(suite=tmp_path / "s.toml", profile=None, overrides=(), arm=None)
    with (
        pytest.raises(InputError, match="did not answer within 1 s"),
        loaded_pair(training, ours=version, theirs=version, home=tmp_path, effort=Effort(seconds_to_answer=1)),
    ):
        pass


def test_the_version_that_runs_is_the_one_that_was_named(tmp_path: Path) -> None:
    """A tree that is shadowed by what is installed would compare a version with itself."""
    version = fake_version(tmp_path / "shadowed")
    server = step_server_of(version)
    server.write_text(server.read_text().replace("str(Path(bench.__file__).parent)", "'/elsewhere/bench'"))
    training = Training(suite=tmp_path / "s.toml", profile=None, overrides=(), arm=None)
    with (
        pytest.raises(InputError, match="loaded the program from /elsewhere/bench"),
        loaded_pair(training, ours=version, theirs=version, home=tmp_path, effort=EFFORT),
    ):
        pass
