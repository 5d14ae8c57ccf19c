"""What the report says is what the exit code says: scripts and CI read the code, people read the sentence."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import ExitCode
from tests.fakes.orders import ORDERS, UNSCORED
from tests.fakes.process import run
from tests.fakes.suite_files import write_suite


def cli(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("tests.fakes.bench", arguments, folder=folder, environment={"BENCH_HOME": str(folder / "home")})


def run_and_report(
    folder: Path, *overrides: str, flags: tuple[str, ...] = ()
) -> list[subprocess.CompletedProcess[str]]:
    """`bench run`, then `bench report` of the same run, as text and as JSON."""
    sets = [word for override in overrides for word in ("--set", override)]
    return [
        cli(folder, "run", "suite.toml", "--quiet", *flags, *sets),
        cli(folder, "report", "latest"),
        cli(folder, "report", "latest", "--json"),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_suite(tmp_path)
    return tmp_path


def assert_all_say(done: list[subprocess.CompletedProcess[str]], code: int, sentence: str) -> None:
    assert [one.returncode for one in done] == [code] * 3, done[0].stderr
    assert all(sentence in " ".join(one.stdout.split()) for one in done[:2]), done[0].stdout
    assert json.loads(done[2].stdout)["completeness"]["complete"] is (code == 0)


def test_a_command_ends_without_a_look_for_cycles_among_all_that_it_leaves() -> None:
    """Which took a plan of 1,000 arms a tenth of its time."""
    shown = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 1000))"
    program = f"import sys; {shown}; from bench.cli.main import main; sys.argv = ['bench', '--version']; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1:] == ["True"]


def test_a_run_with_everything_exits_0(folder: Path) -> None:
    assert_all_say(run_and_report(folder), 0, "Complete: 4 arms")


def test_a_failed_job_is_3(folder: Path) -> None:
    done = run_and_report(folder, f"recipe.lora.learning_rate={ORDERS['raise']}", "run.workers=1")
    assert_all_say(done, 3, "INCOMPLETE: 6 of 14 jobs have no result")


def test_a_claim_that_lacks_what_it_needs_is_3_though_every_job_is_done(folder: Path) -> None:
    """Seconds taken beside other jobs are nobody's own: with several workers nothing is left to decide them from."""
    claim = 'claim=[{says = "rows/full >= other/full", on = "cost:seconds"}]'
    done = run_and_report(folder, claim, "run.workers=2", "run.probe_steps=0")
    assert_all_say(done, 3, "INCOMPLETE: a claim lacks what it needs")


def test_an_eval_without_any_score_is_3_though_every_job_is_done(folder: Path) -> None:
    """ROUGE over prompts without references: each job ends well and says nothing."""
    evals = f'eval=[{{name = "{UNSCORED}", kind = "lm_eval", tasks = ["toy"], include = "tasks"}}]'
    done = run_and_report(folder, evals, "claim=[]", flags=("--go-on",))
    assert_all_say(done, 3, f"INCOMPLETE: no subject has a score on {UNSCORED}")


def test_a_fault_of_the_program_is_70_and_its_traceback_is_kept(folder: Path) -> None:
    """Exit code 2 would blame the user, 1 would say that a gate failed."""
    done = cli(folder, "list", "--fail", "metrics")
    assert done.returncode == 70
    first, where, hint = done.stderr.splitlines()
    assert first.startswith("error[internal]: this is a fault of bench, not of the input: RuntimeError: no metrics")
    log = folder / "home" / "logs" / "crash.txt"
    assert str(log) in where
    assert "--debug" in hint
    assert "Traceback" in log.read_text(encoding="utf-8")
    debug = cli(folder, "--debug", "list", "--fail", "metrics")
    assert (debug.returncode, "Traceback" in debug.stderr) == (70, True)


def test_wrong_input_is_2_with_and_without_a_traceback(folder: Path) -> None:
    plain, debug = cli(folder, "run", "none.toml"), cli(folder, "run", "none.toml", "--debug")
    assert (plain.returncode, debug.returncode) == (2, 2)
    assert ("Traceback" in plain.stderr, "Traceback" in debug.stderr) == (False, True)
    assert "error[suite." in debug.stderr


def test_the_help_lists_the_exit_codes(folder: Path) -> None:
    said = " ".join(cli(folder, "--help").stdout.split())
    assert [str(code.value) in said for code in ExitCode] == [True] * len(ExitCode)
