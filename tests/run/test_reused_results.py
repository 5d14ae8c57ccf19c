"""What a later run reuses, retries and makes again."""

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.errors import InputError
from bench.record.files import RESULT
from bench.run.display import PlainDisplay, QuietDisplay
from bench.run.plan.types import Plan
from tests.fakes.suites import HELD, fake_suite, run_below, worked
from tests.run.small_runs import by_id, go, recipes


def test_a_second_run_trains_nothing_and_keeps_the_record(tmp_path: Path) -> None:
    first = go(tmp_path)
    before, work = first.load(), worked(tmp_path / "home")
    second = go(tmp_path)
    assert second.path == first.path
    assert worked(tmp_path / "home") == work
    after = second.load()
    assert all(job.reused for job in after.jobs)
    assert (after.created, after.wall_seconds) == (before.created, before.wall_seconds)
    assert [one.result for one in after.trainings] == [one.result for one in before.trainings]


def test_the_next_run_retries_what_failed_and_nothing_else(tmp_path: Path) -> None:
    home = tmp_path / "home"
    go(tmp_path, recipe=recipes("raise"))
    done = len(worked(home))
    go(tmp_path, recipe=recipes("raise"))
    assert sorted(worked(home)[done:]) == ["train:few/full#0", "train:few/full#1"]


def test_a_damaged_result_is_made_again_and_nothing_else(tmp_path: Path) -> None:
    directory = go(tmp_path)
    victim = by_id(directory.load())["eval:qa:few/full#1"]
    (tmp_path / "home" / "jobs" / victim.digest / RESULT).write_text("{")
    work = len(worked(tmp_path / "home"))
    assert go(tmp_path).load().all_done
    assert worked(tmp_path / "home")[work:] == ["eval:qa:few/full#1"]


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_truncated_record_is_rebuilt_from_the_finished_jobs(tmp_path: Path, kept: float) -> None:
    """A torn record costs neither a training nor the report."""
    directory = go(tmp_path)
    before, work = directory.load(), worked(tmp_path / "home")
    path = directory.path / "record.json"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(InputError) as caught:
        directory.load()
    assert "bench run" in (caught.value.problems[0].hint or "")
    after = go(tmp_path).load()
    assert worked(tmp_path / "home") == work
    assert after.all_done
    assert [(job.id, job.digest, job.started, job.seconds) for job in after.jobs] == [
        (job.id, job.digest, job.started, job.seconds) for job in before.jobs
    ]
    assert [one.result for one in after.trainings] == [one.result for one in before.trainings]
    assert [one.result for one in after.evaluations] == [one.result for one in before.evaluations]


def test_another_eval_retrains_nothing(tmp_path: Path) -> None:
    go(tmp_path)
    work = len(worked(tmp_path / "home"))
    evals = ({"kind": "lm_eval", "name": "other", "tasks": ("u",)}, HELD)
    record = go(tmp_path, eval=evals).load()
    assert record.all_done
    assert {name.split(":")[0] for name in worked(tmp_path / "home")[work:]} == {"eval"}


def test_only_runs_the_arms_asked_for_and_the_rest_is_pending(tmp_path: Path) -> None:
    record = go(tmp_path, only=("few/lora",)).load()
    states = {one.arm: one.job.status for one in record.trainings}
    assert states == {"few/full": "pending", "few/lora": "done"}
    assert all(one.job.status == "done" for one in record.evaluations if one.subject == "base")
    assert go(tmp_path).load().all_done


def test_an_unknown_arm_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        go(tmp_path, only=("few/lorra", "nothing"))
    assert caught.value.problems[0].hint == "did you mean 'few/lora'?"
    assert len(caught.value.problems) == 2
    assert worked(tmp_path / "home") == []
    assert not (tmp_path / "reports").exists()


def test_fresh_runs_everything_again(tmp_path: Path) -> None:
    go(tmp_path)
    work = worked(tmp_path / "home")
    record = go(tmp_path, fresh=True).load()
    assert sorted(worked(tmp_path / "home")) == sorted(work * 2)
    assert not any(job.reused for job in record.jobs)


def test_two_names_for_the_same_rows_train_once(tmp_path: Path) -> None:
    data = {"few": {"source": "few.jsonl"}, "same": {"source": "few.jsonl"}}
    record = go(tmp_path, data=data, arms={"data": ("few", "same"), "recipe": ("lora",)}).load()
    assert record.all_done
    assert len([name for name in worked(tmp_path / "home") if name.startswith("train:")]) == 2
    assert {one.arm for one in record.trainings} == {"few/lora", "same/lora"}


def test_two_evals_that_ask_the_same_are_scored_once_and_each_has_its_name(tmp_path: Path) -> None:
    """A renamed eval kept its old name in scores, and paired no example of a base with one of a new arm."""
    go(tmp_path, eval=(HELD,), only=("few/full",))
    again = {"eval": ({**HELD, "name": "renamed"}, {**HELD, "name": "second"})}
    directory = go(tmp_path, **again)
    record = directory.load()
    assert sum(name.startswith("eval:") for name in worked(tmp_path / "home")) == 1 + 4, "a base and four arms, once"
    for evaluation in record.evaluations:
        assert {measure.task for measure in evaluation.result.measures} == {evaluation.eval}
        assert {row.task for row in directory.scores(evaluation)} == {evaluation.eval}
    shown = StringIO()
    display = PlainDisplay(console=Console(file=shown, width=200))
    run_below(tmp_path, fake_suite(tmp_path, **again), fresh=True, display=display)
    assert "eval:renamed:base done" in shown.getvalue()
    assert re.search(r"eval:second:base reused: second 0\.000", shown.getvalue()), shown.getvalue()


def test_a_claim_is_no_reason_to_train_again_but_makes_another_report(tmp_path: Path) -> None:
    first = go(tmp_path)
    work = worked(tmp_path / "home")
    second = go(tmp_path, claim=({"says": "few/lora >= base", "on": "qa"},))
    assert worked(tmp_path / "home") == work
    assert second.path != first.path


class Overtaken(QuietDisplay):
    """Has another run, of the suite with these changes, do its work as soon as the plan is made."""

    def __init__(self, root: Path, **changes: Any) -> None:
        super().__init__()
        self.root, self.changes, self.work = root, changes, 0

    def plan(self, planned: Plan) -> None:
        run_below(self.root, fake_suite(self.root, **self.changes), reports=self.root / "others")
        self.work = len(worked(self.root / "home"))


FREEING = {"workers": 2, "probe_steps": 0, "keep_weights": False}
OTHER = {"kind": "lm_eval", "name": "other", "tasks": ("u",)}


@pytest.mark.parametrize(
    ("evals", "trainings"), [((OTHER, HELD), 0), (({**OTHER, "name": "more", "limit": 1}, HELD), 4)]
)
def test_weights_that_another_run_has_freed_are_trained_again_only_where_a_job_needs_them(
    tmp_path: Path, evals: tuple[Any, ...], trainings: int
) -> None:
    display = Overtaken(tmp_path, run=FREEING, eval=(OTHER, HELD))
    directory = run_below(tmp_path, fake_suite(tmp_path, run=FREEING, eval=evals), display=display)
    assert directory.load().all_done
    again = worked(tmp_path / "home")[display.work :]
    assert len([name for name in again if name.startswith("train:")]) == trainings
