"""`bench plan`: exact counts, honest times, and nothing executed."""

import subprocess
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from rich.console import Console

from bench.errors import InputError
from bench.record.record import Record
from bench.record.results.training.facts import StepBytes
from bench.run.estimate.forecast import forecast
from bench.run.estimate.forecast_types import Forecast
from bench.run.estimate.memory import limit as memory_limit
from bench.run.estimate.memory import on_processor
from bench.run.estimate.speed.timing import Timing
from bench.run.process.limits import peak_resident_bytes
from bench.run.process.payloads import MemoryReply, MemoryRequest, StepRequest
from bench.run.process.server import ChildServer
from bench.show.forecast import print_forecast
from bench.suite.catalog.devices import read_cluster
from bench.units import GIB
from tests.fakes.orders import ORDERS
from tests.fakes.suites import SERVER, counted, fake_suite, run_below, worked


def expect(root: Path, only: tuple[str, ...] = (), *, probe: bool = False, **changes: Any) -> Forecast:
    suite, home = fake_suite(root, **changes), root / "home"
    return forecast(suite, only=only, home=home, reports=root / "reports", server=SERVER, probe=probe)


def go(root: Path) -> Record:
    return run_below(root, fake_suite(root)).load()


def test_a_plan_counts_and_executes_nothing(tmp_path: Path) -> None:
    expected = expect(tmp_path)
    assert (expected.jobs, expected.to_run, expected.cached) == (16, 16, 0)
    assert [(arm.arm, arm.tokens, arm.seeds) for arm in expected.arms] == [("few/full", 100, 2), ("few/lora", 100, 2)]
    assert expected.training_tokens == 400
    assert expected.budgets_match
    assert all(arm.seconds_from == "rough" for arm in expected.arms)
    assert expected.untimed == ("qa", "held")  # unknown, not zero
    assert worked(tmp_path / "home") == []
    again = ["few/full"]  # with rows of similar length together, for advice
    assert sorted(counted(tmp_path / "home")) == sorted(["few/full", "few/lora", *again])
    assert not (tmp_path / "reports").exists()


def test_a_plan_says_which_trainings_do_not_fit_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drafted suite took 112 GiB on a machine of 24, and the plan was silent."""
    expected = expect(tmp_path)
    assert not [line for line in expected.warnings if "of memory" in line]
    least = min(arm.memory_bytes for arm in expected.arms)
    present = psutil.virtual_memory()._replace(total=least - 1)
    monkeypatch.setattr(memory_limit.psutil, "virtual_memory", lambda: present)
    peaks = {arm.arm: arm.memory_bytes for arm in expected.arms}
    said = [*memory_limit.memory_remarks(peaks, "cpu")]
    assert [line.split(": ")[1:3] for line in said] == [
        ["recipe.full.batch_rows", "few/full"], ["recipe.lora.batch_rows", "few/lora"],
    ]  # fmt: skip
    assert [*memory_limit.memory_remarks(peaks, "cuda: H200")] == []


def test_a_plan_says_what_may_be_bought(tmp_path: Path) -> None:
    held = {"kind": "loss", "name": "held", "data": {"source": "held.jsonl", "select": {"by": "first", "size": 2}}}
    expected = expect(
        tmp_path, eval=(held,), claim=({"says": "few/full >= base", "on": "held"},),
        sequential={"max_seeds": 5, "max_examples": {"held": 4}},
    )  # fmt: skip
    assert expected.may_buy == (
        "seeds of few/full: 2 now, 5 at most",
        "examples of held: 2 now, 4 at most, 2 at a time",
    )
    shown = StringIO()
    print_forecast(expected, Console(file=shown, width=120))
    assert "examples of held: 2 now, 4 at most" in shown.getvalue()


def test_a_second_plan_counts_nothing_again(tmp_path: Path) -> None:
    first = expect(tmp_path)
    again = expect(tmp_path)
    assert again.model_copy(update={"disk_free_bytes": first.disk_free_bytes}) == first
    assert len(counted(tmp_path / "home")) == 3


def test_after_a_run_all_is_cached_and_times_come_from_it(tmp_path: Path) -> None:
    go(tmp_path)
    expected = expect(tmp_path)
    assert (expected.to_run, expected.training_tokens, expected.seconds) == (0, 0, 0.0)
    changed = expect(tmp_path, budget={"unit": "tokens", "amount": 1000})
    assert all(arm.seconds_from == "history" for arm in changed.arms)
    # The fake training counts 30 tokens in 0.3 s; 1000 tokens at that speed, and a second to start.
    assert changed.arms[0].seconds == pytest.approx(1.0 + 10.0)
    assert changed.seconds > 20.0


@pytest.mark.parametrize("only", ["few/lora", "*/lora", "few/l?ra"])
def test_only_counts_the_arms_asked_for(tmp_path: Path, only: str) -> None:
    assert [arm.arm for arm in expect(tmp_path, only=(only,)).arms] == ["few/lora"]


def test_a_pattern_that_matches_no_arm_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no arm 'many/\*'"):
        expect(tmp_path, only=("many/*", "few/*"))


def test_a_first_plan_times_a_few_steps_and_examples_once(tmp_path: Path) -> None:
    """Without that, the first time a user is told is an operation count over an assumed rate, or none at all."""
    first = expect(tmp_path, probe=True)
    assert {arm.seconds_from for arm in first.arms} == {one.seconds_from for one in first.evals} == {"probe"}
    files = [file for file in (tmp_path / "home" / "timings").glob("*.json") if not file.name.startswith("subjects-")]
    kept = [Timing.model_validate_json(file.read_text()) for file in files]
    # The fake probe trains 10 tokens in 0.05 s at least; an arm has 100 tokens in 200 slots, and is checked once.
    assert all(arm.seconds >= 0.5 for arm in first.arms)
    checks = {kind.kind: kind.load_seconds + (kind.comparison_seconds or 0.0) for kind in first.subjects}
    assert sorted(arm.seconds - checks[arm.arm.removeprefix("few/")] for arm in first.arms) == pytest.approx(
        sorted(timing.start + 200 * timing.seconds_per_unit for timing in kept if timing.examples is None)
    )
    evals = [timing for timing in kept if timing.examples is not None]
    assert all(timing.load is not None for timing in evals), "told apart"
    scored = [timing.start + 2 * timing.seconds_per_unit for timing in evals]
    assert sorted(one.seconds for one in first.evals) == pytest.approx(sorted(scored))
    assert first.untimed == ()
    assert first.seconds > 4 * 0.5 / 2
    work = worked(tmp_path / "home")
    again = expect(tmp_path, probe=True)
    assert again.seconds == first.seconds
    assert worked(tmp_path / "home") == work
    assert not list((tmp_path / "home" / "timings").glob("start-*"))


def test_loads_and_drifts_of_subjects_are_rows_of_their_own(tmp_path: Path) -> None:
    """An eval was planned with a load of the base each time, and took up to five times less: the first eval of a
    subject loads it for the others."""
    first = expect(tmp_path, probe=True)
    assert [(one.kind, one.subjects, one.to_load, one.to_compare) for one in first.subjects] == [
        ("base", 1, 1, 0), ("full", 2, 2, 2), ("lora", 2, 2, 2),
    ]  # fmt: skip
    base, full, lora = first.subjects
    assert base.comparison_seconds == full.comparison_seconds == lora.comparison_seconds, "of the one that was compared"
    assert {one.seconds_from for one in first.subjects} == {"probe"}
    beside = sum(one.seconds for one in first.subjects)
    without = first.model_copy(update={"subjects": ()})
    trained = sum(arm.seconds * arm.seeds for arm in without.arms)
    scored = sum(one.seconds * one.subjects for one in without.evals)
    alone = [1.0 + arm.seconds for arm in without.arms]  # both steps of a training are a probe's
    assert first.seconds == pytest.approx((trained + scored + beside) / 2 + sum(alone))
    again = expect(tmp_path, probe=True)
    assert again.subjects == first.subjects
    shown = StringIO()
    print_forecast(first, Console(file=shown, width=200))
    assert "drift from the base" in shown.getvalue()
    go(tmp_path)
    done = expect(tmp_path)
    assert [(one.kind, one.to_load, one.seconds) for one in done.subjects] == [
        ("base", 0, 0.0), ("full", 0, 0.0), ("lora", 0, 0.0),
    ]  # fmt: skip
    shown = StringIO()
    print_forecast(done, Console(file=shown, width=200))
    assert "drift from the base" not in shown.getvalue()


def test_memory_is_measured_where_it_can_be_and_counted_from_shapes_elsewhere(tmp_path: Path) -> None:
    """A run that is planned from a number that is too low ends in the middle, out of memory."""
    quick = expect(tmp_path)
    # The fake counts 1,000 bytes for the libraries, 4 for each of 1,000 weights, and the positions of the largest
    # pass, 4 × 100, for which an allocator takes 1.4 times as much.
    assert {(arm.memory_bytes, arm.memory_from) for arm in quick.arms} == {(1000 + 4000 + 560, "shapes")}
    assert all(scored.memory_bytes is None for scored in quick.evals)
    timed = expect(tmp_path, probe=True)
    assert {(arm.memory_bytes, arm.memory_from) for arm in timed.arms} == {(5_000_000, "probe")}
    assert {scored.memory_bytes for scored in timed.evals} == {1}
    larger = expect(tmp_path, probe=True, budget={"unit": "tokens", "amount": 200})
    assert {(arm.memory_bytes, arm.memory_from) for arm in larger.arms} == {(5_000_000 + 560, "probe")}
    go(tmp_path)
    assert {(arm.memory_bytes, arm.memory_from) for arm in expect(tmp_path).arms} == {(1, "history")}
    shown = StringIO()
    print_forecast(quick, Console(file=shown, width=200))
    assert " 5 KiB?" in shown.getvalue()
    assert "counted from shapes" in shown.getvalue()


def test_memory_that_cannot_be_counted_has_the_libraries_too_and_is_measured(tmp_path: Path) -> None:
    """A base with experts had 0 MiB: what is counted on tensors without numbers fails where a router chooses."""
    recipes = {name: {"method": name, "learning_rate": ORDERS["need numbers"]} for name in ("full", "lora")}
    quick = expect(tmp_path, recipe=recipes).arms
    assert {arm.memory_from for arm in quick} == {"shapes"}
    assert all(arm.memory_bytes > 1000 for arm in quick)  # what the fake counts for the libraries
    timed = expect(tmp_path, probe=True, recipe=recipes).arms
    assert {(arm.memory_bytes, arm.memory_from) for arm in timed} == {(5_000_000, "probe")}


def test_the_peak_of_a_process_counts_what_it_gave_back_and_its_children(tmp_path: Path) -> None:
    work = "x = bytearray(b'x') * {size}; del x; print(0, flush=True); import time; time.sleep(60)"
    child, parent = (work.format(size=size) for size in (100_000_000, 200_000_000))
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}]).stdout; {parent}"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.readline()
        peak = peak_resident_bytes(process.pid)
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.kill()
    assert peak is not None
    assert 300_000_000 < peak < 400_000_000
    assert peak_resident_bytes(process.pid) is None


def test_new_jobs_say_which_input_changed(tmp_path: Path) -> None:
    """A larger hold-out takes rows from everything that trains: 45 of 47 jobs were new, and nothing said why."""
    assert expect(tmp_path).new == ()
    go(tmp_path)
    assert expect(tmp_path).new == ()
    budget = {one.reason: one.jobs for one in expect(tmp_path, budget={"unit": "tokens", "amount": 1000}).new}
    assert budget == {"budget.amount: 100 → 1000": 6, "its training is new": 8}
    held = {"kind": "loss", "name": "held", "data": {"source": "few.jsonl", "select": {"by": "holdout", "size": 2}}}
    evals = ({"kind": "lm_eval", "name": "qa", "tasks": ("t",)}, held)
    reasons = {one.reason: one.jobs for one in expect(tmp_path, eval=evals).new}
    left_out = "held out for evaluation: 0 → 2, prompt held out for evaluation: 4 → 0"
    assert reasons == {
        f"other rows of few (8 → 10, {left_out})": 6,
        "its training is new": 4,
        "other rows of eval:held (4 → 2); its training is new": 4,
        "other rows of eval:held (4 → 2)": 1,
    }


def test_the_jobs_of_another_suite_are_no_earlier_ones(tmp_path: Path) -> None:
    """It listed the whole of another suite's recipe as what had changed of jobs that had never run."""
    go(tmp_path)
    changed = {"budget": {"unit": "tokens", "amount": 1000}}
    assert expect(tmp_path, **changed).new
    assert expect(tmp_path, name="another", **changed).new == ()


def test_a_new_version_of_the_code_is_said_where_nothing_else_changed(tmp_path: Path) -> None:
    go(tmp_path)
    store = tmp_path / "home" / "jobs"
    for folder in list(store.iterdir()):
        folder.rename(store / folder.name[::-1])  # as if other code had given other digests
    assert [one.reason for one in expect(tmp_path).new] == ["versions of libraries or the code of this program"]


def test_unequal_budgets_are_said(tmp_path: Path) -> None:
    recipes = {
        "full": {"method": "full", "learning_rate": 1e-3, "budget": {"unit": "epochs", "amount": 3}},
        "lora": {"method": "lora", "learning_rate": 1e-3},
    }
    expected = expect(tmp_path, recipe=recipes)
    assert not expected.budgets_match
    assert expected.budget == "budgets differ between the arms: 3 epochs for few/full; 100 tokens for few/lora"


def test_an_arm_that_cannot_be_counted_is_refused_with_its_own_words(tmp_path: Path) -> None:
    recipes = {
        "full": {"method": "full", "learning_rate": ORDERS["teach nothing"]},
        "lora": {"method": "lora", "learning_rate": 1e-3},
    }
    with pytest.raises(InputError) as caught:
        expect(tmp_path, recipe=recipes)
    assert [problem.reference for problem in caught.value.problems] == ["fake.refused"]


def test_more_trained_weights_and_longer_batches_need_more_memory(tmp_path: Path) -> None:
    small = expect(tmp_path).arms[0].memory_bytes
    assert small > 1000 * 4
    assert expect(tmp_path, budget={"unit": "tokens", "amount": 100_000}).arms[0].memory_bytes > small


def test_the_room_on_the_disk_is_told_beside_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a night's run, not in the middle of it: 16 jobs at 1 MiB, two of which keep 16 weights in fp32."""
    expected = expect(tmp_path)
    assert expected.disk_bytes == 16 * 2**20 + 2 * 16 * 4
    assert expected.disk_free_bytes is not None

    def told(free: int | None) -> str:
        out = StringIO()
        print_forecast(expected.model_copy(update={"disk_free_bytes": free}), Console(file=out, width=200))
        return out.getvalue()

    assert "disk: at least 16 MiB of 1,024.0 GiB free" in told(2**40)
    assert "disk: at least 16 MiB of 2 MiB free, which is too little" in told(2 << 20)
    assert "disk: at least 16 MiB\n" in told(None)
    go(tmp_path)
    assert expect(tmp_path).disk_bytes == 0


def test_of_many_arms_without_a_time_the_first_are_named(tmp_path: Path) -> None:
    """A thousand names would scroll away the table."""
    expected, shown = expect(tmp_path), StringIO()
    many = tuple(expected.arms[0].model_copy(update={"arm": f"few/arm{number}"}) for number in range(1000))
    print_forecast(expected.model_copy(update={"arms": many}), Console(file=shown, width=200))
    names = ", ".join(f"few/arm{number}" for number in range(5))
    assert f"No earlier training like {names} and 995 more arms here" in shown.getvalue()


def test_the_table_shows_every_arm_and_eval(tmp_path: Path) -> None:
    out = StringIO()
    expected = expect(tmp_path, budget={"unit": "tokens", "amount": 12345})
    print_forecast(expected, Console(file=out, width=160))
    text = out.getvalue()
    said = "every arm trains on 12,345 tokens"
    for words in ("few/full", "few/lora", "qa", "held", "12,345", said, "rough estimate"):
        assert words in text


def test_a_plan_on_a_cluster_places_what_is_to_run_and_checks_nothing_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recipe that needs GPUs is planned where there is none."""
    recipe = {
        "full": {"method": "full", "learning_rate": 1e-3, "launch": {"strategy": "fsdp2"}},
        "lora": {"method": "lora", "learning_rate": 1e-3},
    }
    suite, asked = fake_suite(tmp_path, recipe=recipe), list[StepRequest]()

    def replies(server: ChildServer, kind: str, requests: Sequence[MemoryRequest], **options: Any) -> tuple[Any, ...]:
        asked.extend(step for request in requests for step in request.steps)
        steps = [tuple(StepBytes(held=1, made=10**9) for _ in request.steps) for request in requests]
        values = [MemoryReply(process_bytes=1, steps=share).model_dump(mode="json") for share in steps]
        return tuple(SimpleNamespace(failure=None, value=value) for value in values)

    monkeypatch.setattr(on_processor, "side_by_side", replies)
    expected = forecast(suite, home=tmp_path / "home", server=SERVER, on=read_cluster("2xH100"))
    assert ("bf16", 1) in {(one.job.recipe.precision, one.largest_pass.supervised_tokens) for one in asked}
    assert min(arm.memory_bytes for arm in expected.arms) > 1.4e9, "this machine's own, with its allocator"
    lone = [arm.layouts[0].memory_bytes for arm in expected.placement.arms]
    assert all(1.1 * 10**9 + GIB <= memory < 1.1 * 10**9 + 1.1 * GIB for memory in lone), "the counted step is in it"
    assert [(arm.arm, arm.trainings) for arm in expected.placement.arms] == [("few/full", 2), ("few/lora", 2)]
    assert all(arm.best is not None and arm.best.devices == 1 for arm in expected.placement.arms)
    out = StringIO()
    print_forecast(expected, Console(file=out, width=200))
    assert "on 2xH100" in out.getvalue()
    assert "evals not included. From shapes and the data sheet (NVIDIA H100 data sheet, SXM)" in out.getvalue()
