"""Before the first training: rehearsals, then the base's scores; what either finds costs no training."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.code_digest import PackageCode
from bench.errors import ExitCode, IncompleteError, InputError
from bench.record.record import Failure
from bench.record.rundir import RunDirectory
from bench.run.checks import machine
from bench.run.checks.base_scores import failed
from bench.run.estimate.forecast import forecast
from bench.run.process.server import ChildServer
from bench.show.forecast import print_forecast
from bench.suite.tables.evals.loss import LossSpec
from tests.fakes.orders import AWAY, CHECKED, ORDERS, REFUSED, UNSCORED
from tests.fakes.suites import HELD, SERVER, counted, fake_suite, run_below, worked

SPEC = LossSpec.model_validate(HELD)


def evals(*names: str) -> tuple[dict[str, Any], ...]:
    return (*({"kind": "lm_eval", "name": name, "tasks": (name,)} for name in names), HELD)


def go(root: Path, *, go_on: bool = False, **changes: Any) -> RunDirectory:
    return run_below(root, fake_suite(root, **changes), go_on=go_on)


def kinds(root: Path) -> list[str]:
    return [name.partition(":")[0] for name in worked(root / "home")]


def test_an_eval_that_fails_in_rehearsal_is_refused_by_run_and_plan_before_any_work(tmp_path: Path) -> None:
    changes = {"eval": evals("qa", REFUSED)}
    with pytest.raises(InputError) as caught:
        go(tmp_path, **changes)
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    assert caught.value.problems[0].where == f"eval {REFUSED!r}"
    with pytest.raises(InputError):
        forecast(fake_suite(tmp_path, **changes), home=tmp_path / "home", server=SERVER)
    assert kinds(tmp_path) == []
    assert go(tmp_path, go_on=True, **changes).load().all_done


def test_what_the_machine_and_what_the_child_finds_come_in_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The missing GPU was told first, and the recipe's own fault in the next try."""
    monkeypatch.setattr(machine, "device", lambda: "cpu")
    other = {"method": "lora", "learning_rate": ORDERS["check in vain"]}
    faulty = {"method": "full", "learning_rate": ORDERS["check in vain"], "precision": "fp16"}
    changes = {"recipe": {"full": faulty, "lora": other}, "eval": evals("qa", REFUSED)}
    attempts: tuple[Callable[[], object], ...] = (
        lambda: go(tmp_path, **changes),
        lambda: forecast(fake_suite(tmp_path, **changes), home=tmp_path / "home", server=SERVER),
    )
    for attempt in attempts:
        with pytest.raises(InputError) as caught:
            attempt()
        assert [(problem.reference, problem.where) for problem in caught.value.problems] == [
            ("machine.precision", "recipe.full.precision"),
            ("fake.refused", "arm few/lora"),
            ("rehearsal.failed", f"eval {REFUSED!r}"),
        ]


def full_arm_that(order: str) -> dict[str, Any]:
    """Recipes of which one is counted as ordered."""
    other = {"method": "lora", "learning_rate": 1e-3}
    return {"recipe": {"full": {"method": "full", "learning_rate": ORDERS[order]}, "lora": other}}


def test_an_arm_with_nothing_to_learn_is_refused_by_run_as_by_plan(tmp_path: Path) -> None:
    """Else its rows are found wanting after the other arms were paid for."""
    changes = full_arm_that("teach nothing")
    with pytest.raises(InputError) as planned:
        forecast(fake_suite(tmp_path, **changes), home=tmp_path / "home", server=SERVER)
    with pytest.raises(InputError) as ran:
        go(tmp_path, go_on=True, **changes)
    assert ran.value.exit_code == ExitCode.BAD_INPUT
    assert ran.value.problems == planned.value.problems
    assert kinds(tmp_path) == []


def test_what_a_plan_counted_no_run_counts_again(tmp_path: Path) -> None:
    forecast(fake_suite(tmp_path), home=tmp_path / "home", server=SERVER)
    planned = counted(tmp_path / "home")
    assert sorted(planned) == ["few/full", "few/full", "few/lora"], "few/full also with rows of similar length together"
    go(tmp_path)
    go(tmp_path)
    assert counted(tmp_path / "home") == planned


@pytest.mark.parametrize(
    ("folder", "code"),
    [
        ("checked", "bench.train.planning.check"),
        ("rehearsed", "bench.evals.rehearsal.rehearse"),
        ("counts", "bench.train.planning.exact_counts"),
        ("timings", "bench.train.probe"),
    ],
)
def test_what_other_code_found_out_is_found_out_again(
    folder: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home that was checked by an earlier version would skip a check that is new."""
    home, real = tmp_path / "home", PackageCode.digest

    def kept() -> set[Path]:
        forecast(fake_suite(tmp_path), home=home, server=SERVER)
        return set((home / folder).iterdir())

    first = kept()
    assert kept() == first, "by the same code nothing is found out twice"
    monkeypatch.setattr(PackageCode, "digest", lambda self, *entries: real(self, *entries) + "x" * (code in entries))
    again = kept() - first
    assert 0 < len(again) <= len(first)


def test_rows_that_one_model_cannot_pack_cost_its_arm_alone(tmp_path: Path) -> None:
    """Plan and run say so with the true reason; the other arm is trained and scored."""
    changes = full_arm_that("pack in vain")
    expected = forecast(fake_suite(tmp_path, **changes), home=tmp_path / "home", server=SERVER)
    [line] = expected.refused
    assert line.startswith("refused: recipe.full: rows see each other; 7 jobs cannot run")
    assert line.endswith("(do not pack)")
    assert [arm.arm for arm in expected.arms] == ["few/lora"]
    out = StringIO()
    print_forecast(expected, Console(file=out, width=300))
    assert line in out.getvalue()
    record = go(tmp_path, **changes).load()
    assert {job.status for job in record.jobs if "few/lora" in job.id or "base" in job.id} == {"done"}
    failures = {job.failure for job in record.jobs if "few/full" in job.id}
    assert failures == {Failure(kind="refused", message="rows see each other")}
    assert not any("few/full" in name for name in worked(tmp_path / "home"))


def test_where_no_arm_is_left_the_refusal_is_the_users_to_fix(tmp_path: Path) -> None:
    only_full = {"arms": {"data": ("few",), "recipe": ("full",)}}
    with pytest.raises(InputError) as caught:
        go(tmp_path, **full_arm_that("pack in vain"), **only_full)
    assert [problem.what for problem in caught.value.problems] == ["rows see each other"]


def test_bases_of_equal_weights_and_other_templates_are_each_checked_and_rehearsed(tmp_path: Path) -> None:
    """What holds for one template says nothing of another."""
    models = {name: {"path": "model", "template": name} for name in ("chatml", "dialogue")}
    arms = {"data": ("few",), "recipe": ("lora",), "model": tuple(models)}
    go(tmp_path, model=None, models=models, arms=arms, eval=(HELD,))
    assert len((tmp_path / "home" / CHECKED).read_text().splitlines()) == 2
    assert len(list((tmp_path / "home" / "rehearsed").iterdir())) == 2


def test_a_count_that_breaks_down_holds_no_other_arm_back(tmp_path: Path) -> None:
    assert go(tmp_path, **full_arm_that("break the count")).load().all_done


def test_a_sound_rehearsal_is_not_repeated(tmp_path: Path) -> None:
    go(tmp_path)
    assert len(list((tmp_path / "home" / "rehearsed").iterdir())) == 2


@pytest.mark.parametrize("workers", [1, 3])
def test_the_base_is_scored_before_the_first_training(tmp_path: Path, workers: int) -> None:
    go(tmp_path, run={"workers": workers, "probe_steps": 2})
    begun = worked(tmp_path / "home")
    assert set(begun[:2]) == {"eval:qa:base", "eval:held:base"}


def test_an_eval_without_a_score_on_the_base_ends_the_run_before_any_training(tmp_path: Path) -> None:
    changes = {"eval": evals("qa", UNSCORED)}
    for _ in range(2):  # the base's scores are there the second time, and say the same
        with pytest.raises(IncompleteError) as caught:
            go(tmp_path, **changes)
        assert caught.value.exit_code == ExitCode.INCOMPLETE
        [problem] = caught.value.problems
        assert problem.reference == "base.no-score"
        assert UNSCORED in problem.what
        assert "--go-on" in (problem.hint or "")
    assert kinds(tmp_path) == ["eval"] * 3
    record = RunDirectory.find("fake", tmp_path / "reports").load()
    assert {job.status for job in record.jobs if job.id.startswith("train")} == {"pending"}
    done = go(tmp_path, go_on=True, **changes).load()
    assert done.all_done
    assert kinds(tmp_path).count("train") == 4


def test_an_eval_that_fails_on_the_base_ends_the_run_before_any_training(tmp_path: Path) -> None:
    server = ChildServer(module="tests.fakes.failing_evals")
    with pytest.raises(IncompleteError) as caught:
        run_below(tmp_path, fake_suite(tmp_path), server=server)
    assert {problem.reference for problem in caught.value.problems} == {"base.failed"}
    assert "no score today" in caught.value.problems[0].what
    assert "train" not in kinds(tmp_path)


@pytest.mark.parametrize("key", ["seconds", "memory_gib"])
def test_a_limit_that_ends_an_eval_on_the_base_is_said_as_what_it_is(key: str) -> None:
    """Nothing is wrong with the eval: who is told to fix it looks in the wrong place."""
    found = failed("base", SPEC, f"ended after 9 s (run.limits.{key} = 5)")
    assert found.stops
    assert found.problem.reference == "base.limit"
    assert found.problem.what.startswith("eval 'held' was ended by a limit of the run on base")
    assert (found.problem.hint or "").startswith(f"raise run.limits.{key}")
    assert failed("base", SPEC, "no such field").problem.reference == "base.failed"


def test_without_a_training_to_pay_for_nothing_is_held_back(tmp_path: Path) -> None:
    go(tmp_path)
    assert go(tmp_path, eval=evals("qa", UNSCORED)).load().all_done, "all trainings are there already"


def test_rows_that_the_hub_does_not_give_today_hold_no_training_back(tmp_path: Path) -> None:
    """A night is not lost for an outage: what was trained is kept, and the next run scores it."""
    planned = forecast(fake_suite(tmp_path, eval=evals("qa", AWAY)), home=tmp_path / "home", server=SERVER, probe=False)
    assert planned.unavailable == (f"unavailable: eval {AWAY!r}: the hub is away",), "the plan says so, too"
    record = go(tmp_path, eval=evals("qa", AWAY)).load()
    assert kinds(tmp_path).count("train") == 4
    assert record.all_done
    assert len(list((tmp_path / "home" / "rehearsed").iterdir())) == 2, "and is rehearsed again"
