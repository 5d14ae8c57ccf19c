"""The live display: true counts, no markup from names, and no guess where nothing is known."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench.control_codes import visible
from bench.emit import ExamplesDone, StepDone
from bench.record.record import Failure
from bench.run.display import Display, LiveDisplay, PlainDisplay, duration, make_display
from bench.run.plan.plan import plan
from bench.run.plan.types import Plan
from bench.run.progress import Tally
from bench.run.resolve.suite import resolve
from tests.fakes.suites import fake_suite

HOSTILE = "[bold]x[/bold]\x1b[31m\nnext"


@pytest.fixture
def planned(tmp_path: Path) -> Plan:
    return plan(resolve(fake_suite(tmp_path), home=tmp_path / "home"), home=tmp_path / "home")


def play(display: Display, planned: Plan) -> None:
    display.plan(planned)
    first, second = planned.jobs[0].job.id, planned.jobs[1].job.id
    display.started(first)
    display.progress(first, ExamplesDone(done=5, total=10))
    display.ended(first, None, 2.0, reused=False)
    display.started(second)
    display.ended(second, Failure(kind="out_of_memory", message=HOSTILE), 1.0, reused=False)


def test_without_a_terminal_each_event_is_one_plain_line(planned: Plan) -> None:
    out = StringIO()
    play(PlainDisplay(console=Console(file=out, width=40)), planned)
    lines = out.getvalue().splitlines()
    assert lines[0].endswith("fake (no profile): 16 jobs to run, 0 reused, 2 workers × 1 thread")
    assert lines[2].endswith("[1/16] eval:qa:base done in 2.0 s")
    assert "[2/16] eval:held:base failed (out of memory): [bold]x[/bold]␛[31m⏎next" in lines[-1]
    assert len(lines) == 5
    assert "\x1b" not in out.getvalue()


def test_in_a_terminal_failures_stay_and_running_jobs_show_their_figures(planned: Plan) -> None:
    out = StringIO()
    console = Console(file=out, width=100, force_terminal=True, color_system=None)
    display = LiveDisplay(console=console)
    play(display, planned)
    training = next(one.job.id for one in planned.jobs if one.job.kind == "train")
    display.started(training)
    display.progress(training, StepDone(step=3, steps=50, loss=1.25, tokens_per_second=1234.5))
    console.print(display.render())
    text = out.getvalue()
    assert "failed (out of memory): [bold]x[/bold]" in text
    assert "3/50 steps  loss 1.250  1,234 tokens/s" in text
    assert "2/16 jobs · 1/3 arms (base included) · 1 failed" in text


def test_results_show_while_the_run_goes_on(planned: Plan) -> None:
    out, terminal = StringIO(), StringIO()
    plain = PlainDisplay(console=Console(file=out, width=200))
    live = LiveDisplay(console=Console(file=terminal, width=120, force_terminal=True, color_system=None))
    for display in (plain, live):
        display.plan(planned)
        display.ended("eval:qa:few/full#0", None, 2.0, reused=False, scores=[("t", 0.5)])
        display.ended("eval:qa:few/full#1", None, 2.0, reused=False, scores=[("t", 1.0)])
        display.ended("eval:held:base", None, 2.0, reused=False, scores=[("a", 2.5), ("b", 3.5)])
    assert "eval:qa:few/full#0 done in 2.0 s: t 0.500" in out.getvalue()
    live.console.print(live.render())
    *_, head, full, base = terminal.getvalue().rstrip().splitlines()
    assert head.split() == ["qa", "held/a", "held/b"]
    assert full.split() == ["few/full", "0.750"]
    assert base.split() == ["base", "2.500", "3.500"]


def test_a_long_silence_is_broken(planned: Plan) -> None:
    """A job that says nothing for minutes, or another run that has the locks, looked like a hang."""
    out, now = StringIO(), [0.0]
    display = PlainDisplay(console=Console(file=out, width=200), clock=lambda: now[0])
    display.note("resolving")
    now[0] = 200.0
    display.tick()
    assert "still resolving" in out.getvalue()
    now[0] = 0.0
    display.plan(planned)
    display.started("train:few/full#0")
    for now[0] in (60.0, 119.0, 121.0, 122.0):
        display.tick()
    assert out.getvalue().count("running: train:few/full#0") == 1
    display.ended("train:few/full#0", None, 2.0, reused=False)
    now[0] = 300.0
    display.tick()
    assert "waiting for another run" in out.getvalue().splitlines()[-1]


def test_a_diverging_loss_does_not_break_the_display(planned: Plan) -> None:
    out = StringIO()
    console = Console(file=out, width=100, force_terminal=True, color_system=None)
    display = LiveDisplay(console=console)
    display.plan(planned)
    display.started("train:few/full#0")
    for loss in (None, float("nan"), float("inf")):
        display.progress("train:few/full#0", StepDone(step=1, steps=2, loss=loss))
        console.print(display.render())
    display.progress("no such job", StepDone(step=1, steps=2))
    assert out.getvalue().count("1/2 steps") == 3


def test_time_left_is_unknown_until_every_kind_of_job_was_timed(planned: Plan) -> None:
    now = [0.0]
    tally = Tally(clock=lambda: now[0])
    tally.plan(planned)
    assert tally.seconds_left is None
    seconds = {"probe": 1.0, "train": 10.0, "eval": 2.0}
    kinds = {one.job.kind if one.job.kind != "eval" else one.job.eval.name: one.job for one in planned.jobs}
    for job in kinds.values():
        tally.started(job.id)
        tally.ended(job.id, None, seconds[job.kind])
    # Left: 1 probe, 3 trainings, 2 evals × 4 subjects; over two workers.
    assert tally.seconds_left == pytest.approx((1 * 1 + 3 * 10 + 8 * 2) / 2)
    trainings = (one.job for one in planned.jobs if one.job.kind == "train")
    training = next(job.id for job in trainings if job is not kinds["train"])
    tally.started(training)
    now[0] = 4.0
    assert tally.seconds_left == pytest.approx((1 + 30 + 16 - 4) / 2)
    now[0] = 400.0
    assert tally.seconds_left == pytest.approx((1 + 30 + 16 - 10) / 2)


def test_time_left_of_a_trained_subjects_eval_is_the_bases_until_one_has_ended(planned: Plan) -> None:
    """A held-out loss of a trained subject takes longer: it is compared with its base."""
    tally = Tally()
    tally.plan(planned)
    for one in planned.jobs:
        if one.job.kind != "eval" or one.job.eval.name != "held":
            tally.ended(one.job.id, None, 1.0)
    assert tally.seconds_left is None
    tally.ended("eval:held:base", None, 2.0)
    assert tally.seconds_left == pytest.approx(4 * 2.0 / 2)
    tally.ended("eval:held:few/full#0", None, 5.0)
    assert tally.seconds_left == pytest.approx(3 * 5.0 / 2)


def test_arms_are_done_when_nothing_of_theirs_is_left(planned: Plan) -> None:
    tally = Tally()
    tally.plan(planned)
    assert (tally.arms_done, tally.arms_total) == (0, 3)
    for one in planned.jobs:
        if one.arm is None:
            tally.ended(one.job.id, None, 1.0)
    assert tally.arms_done == 1


@pytest.mark.parametrize(
    ("terminal", "quiet", "kind"),
    [(True, False, "LiveDisplay"), (False, False, "PlainDisplay"), (True, True, "QuietDisplay")],
)
def test_the_display_fits_the_console(terminal: bool, quiet: bool, kind: str) -> None:
    with make_display(Console(file=StringIO(), force_terminal=terminal), quiet=quiet) as display:
        assert type(display).__name__ == kind


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (8.24, "8.2 s"), (59.99, "60.0 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations_read_well(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_no_control_code_reaches_the_terminal() -> None:
    assert visible("a\x1b[31mb\x07\r\n\x9bc") == "a␛[31mb⟨U+0007⟩␍⏎⟨U+009B⟩c"
