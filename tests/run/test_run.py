"""A run with instant jobs: order, isolation of failures, reuse, and what the record says of each job's fate."""

from __future__ import annotations

import json
import re
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.errors import InputError
from bench.record.files import RESULT
from bench.record.record import JobRecord, Record
from bench.record.rundir import RunDirectory
from bench.report.analysis.run_facts.absence import absences_of
from bench.run.display import PlainDisplay, QuietDisplay
from bench.run.plan import plan
from bench.run.process.server import ChildServer
from bench.run.run import run_suite
from bench.run.scheduling import running
from tests.fakes.suites import HELD, diary, fake_suite, worked
from tests.fakes.worker import ORDERS, training_result

SERVER = ChildServer(module="tests.fakes.worker")


def go(root: Path, *, only: tuple[str, ...] = (), fresh: bool = False, **changes: Any) -> RunDirectory:
    return run_suite(
        fake_suite(root, **changes),
        only=only,
        fresh=fresh,
        home=root / "home",
        reports=root / "reports",
        display=QuietDisplay(),
        server=SERVER,
    )


def recipes(order: str) -> dict[str, Any]:
    """`lora` as ever, `full` ending as ordered."""
    return {
        "full": {"method": "full", "learning_rate": ORDERS[order]},
        "lora": {"method": "lora", "learning_rate": 1e-3},
    }


def by_id(record: Record) -> dict[str, JobRecord]:
    return {job.id: job for job in record.jobs}


def test_every_job_runs_once_after_what_it_needs(tmp_path: Path) -> None:
    record = go(tmp_path).load()
    lines = list(diary(tmp_path / "home"))
    begun = {line["id"]: line["at"] for line in lines if line["what"] == "begin"}
    ended = {line["id"]: line["at"] for line in lines if line["what"] == "end"}
    assert len(begun) == len(lines) / 2 == len(record.jobs) == 16
    for name in ("qa", "held"):
        for subject in ("few/full#0", "few/full#1", "few/lora#0", "few/lora#1"):
            assert begun[f"eval:{name}:{subject}"] >= ended[f"train:{subject}"]
    assert all(job.status == "done" and not job.reused and job.seconds is not None for job in record.jobs)


@pytest.mark.parametrize("first", [True, False])
def test_a_probe_has_the_machine_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bool) -> None:
    if not first:  # the other way round: it has to wait until the machine is idle
        monkeypatch.setattr(plan, "rank", lambda entry, position, **_: -position)
    go(tmp_path, run={"workers": 3, "probe_steps": 2})
    active: set[str] = set()
    for line in diary(tmp_path / "home"):
        active.symmetric_difference_update({line["id"]})
        assert len(active) <= 1 or not any(job.startswith("probe:") for job in active)


def test_probes_take_turns_until_the_speeds_are_resolved_and_a_repeat_has_nothing_to_do(tmp_path: Path) -> None:
    """The fake speeds are equal, so that a third round is not needed."""
    run = {"workers": 2, "probe_steps": 2, "probe_rounds": 3}
    record = go(tmp_path, run=run).load()
    begun = [job for job in worked(tmp_path / "home") if job.startswith("probe:")]
    assert begun == ["probe:few/full", "probe:few/lora", "probe:few/lora#2", "probe:few/full#2"]
    assert [probe.arm for probe in record.probes] == ["few/full", "few/full", "few/lora", "few/lora"]
    assert record.all_done
    before = len(worked(tmp_path / "home"))
    assert go(tmp_path, run=run).load().all_done
    assert len(worked(tmp_path / "home")) == before


def test_a_training_of_two_processes_takes_two_workers_room(tmp_path: Path) -> None:
    """Else three jobs would share two cores, and each other's speed."""
    recipe = {
        "full": {"method": "full", "learning_rate": 1e-3, "launch": {"processes": 2}, "accumulation": 2},
        "lora": {"method": "lora", "learning_rate": 1e-3},
    }
    record = go(tmp_path, recipe=recipe, run={"workers": 2, "probe_steps": 0}).load()
    assert all(job.status == "done" for job in record.jobs)
    active: set[str] = set()
    for line in diary(tmp_path / "home"):
        active.symmetric_difference_update({line["id"]})
        assert len(active) <= 1 or not any(job.startswith("train:few/full") for job in active)
    trained = {one.arm: one.job.alone for one in record.trainings if one.result}
    assert trained["few/full"]


def test_without_side_by_side_work_there_is_no_probe_and_trainings_count_as_alone(tmp_path: Path) -> None:
    record = go(tmp_path, run={"workers": 1, "probe_steps": 2}).load()
    assert record.probes == ()
    assert [one.job.alone for one in record.trainings if one.result] == [True] * 4


def test_a_childs_result_is_never_rewritten(tmp_path: Path) -> None:
    """What a training measured is the child's word; whether it was alone is the parent's, in the parent's manifest."""
    record = go(tmp_path, run={"workers": 1}).load()
    for training in record.trainings:
        folder = tmp_path / "home" / "jobs" / training.job.digest
        assert (folder / RESULT).read_text(encoding="utf-8") == training_result().model_dump_json()
        assert json.loads((folder / "manifest.json").read_bytes())["alone"] is True
    reused = go(tmp_path, run={"workers": 1}).load()
    assert [one.job.alone for one in reused.trainings] == [True] * 4


def test_tensorboards_files_bear_the_arms_names(tmp_path: Path) -> None:
    """In the jobs' folders they are below digests, which say nothing to anybody."""
    directory = go(tmp_path, run={"workers": 1, "track": ("tensorboard",)})
    shown = {
        path.parent.relative_to(directory.path / "tracking").as_posix() for path in directory.path.rglob("events*")
    }
    assert shown == {f"few/{recipe}/seed-{seed}" for recipe in ("full", "lora") for seed in (0, 1)}


def test_one_by_one_each_seed_goes_through_all_arms_before_the_next(tmp_path: Path) -> None:
    go(tmp_path, run={"workers": 1})
    begun = [line["id"] for line in diary(tmp_path / "home") if line["what"] == "begin"]
    trained = [name for name in begun if name.startswith("train:")]
    assert trained == [f"train:few/{recipe}#{seed}" for seed in (0, 1) for recipe in ("full", "lora")]


def test_a_training_that_shared_the_machine_says_so(tmp_path: Path) -> None:
    order = {"full": {"method": "full", "learning_rate": 1e-3}}
    changes: dict[str, Any] = {"recipe": order, "arms": {"data": ("few",), "recipe": ("full",)}}
    record = go(tmp_path, seeds=(0, 1, 2, 3), run={"workers": 4, "probe_steps": 0}, **changes).load()
    assert not all(one.job.alone for one in record.trainings if one.result)


@pytest.mark.parametrize(
    ("order", "kind", "words"),
    [
        ("raise", "exception", "RuntimeError: a [bold]bad[/bold] day"),
        ("kill", "killed", "SIGKILL"),
        ("segfault", "crashed", "SIGSEGV"),
        ("memory", "out_of_memory", "MemoryError"),
        ("refuse", "refused", "no such thing"),
        ("vanish", "exception", "no whole result"),
        ("diverge", "diverged", "step 3"),
    ],
)
def test_a_failed_training_is_recorded_and_harms_only_its_own_evals(
    tmp_path: Path, order: str, kind: str, words: str
) -> None:
    directory = go(tmp_path, recipe=recipes(order))
    record = directory.load()
    jobs = by_id(record)
    assert not record.all_done
    for seed in (0, 1):
        failed = jobs[f"train:few/full#{seed}"]
        assert failed.status == "failed"
        assert failed.failure is not None
        assert failed.failure.kind == kind
        assert words in failed.failure.message
        assert "\n" not in failed.failure.message
        assert failed.log is not None
        log = (directory.path / failed.log).read_text()
        assert f"training train:few/full#{seed}" in log
        dependant = jobs[f"eval:qa:few/full#{seed}"].failure
        assert dependant is not None
        assert dependant.kind == "dependency"
        assert words in dependant.message
    listed = {absence.job: absence.log for absence in absences_of(record)}  # what the report says is missing
    assert set(listed) == {name for name, job in jobs.items() if job.failure is not None}
    assert all(listed[f"train:few/full#{seed}"] is not None for seed in (0, 1))
    others = [job for name, job in jobs.items() if "few/full#" not in name]
    assert others
    assert all(job.status == "done" for job in others)


def test_the_wait_for_the_libraries_counts_against_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine their import takes longer than a short job may."""
    seen: list[float] = []
    start, exceeded = ChildServer.start, running.exceeded

    def slowly(self: ChildServer, kind: str, payload: dict[str, Any], **places: Any) -> Any:
        if not seen:
            time.sleep(1.5)
        return start(self, kind, payload, **places)

    def look(limits: Any, *, pid: int | None, seconds: float, processes: int) -> Any:
        seen.append(seconds)
        return exceeded(limits, pid=pid, seconds=seconds, processes=processes)

    monkeypatch.setattr(ChildServer, "start", slowly)
    monkeypatch.setattr(running, "exceeded", look)
    go(tmp_path, seeds=(0,), run={"workers": 1, "probe_steps": 0})
    assert seen[0] < 1.5


@pytest.mark.parametrize(
    ("order", "limits", "kind"),
    [("hang", {"seconds": 6.0}, "timeout"), ("eat", {"memory_gib": 1.0}, "out_of_memory")],
)
def test_a_job_over_its_limit_is_ended_alone_and_retried_next_time(
    tmp_path: Path, order: str, limits: dict[str, float], kind: str
) -> None:
    """One endless or greedy arm must not cost the suite its night, or the machine its memory."""
    changes = {"recipe": recipes(order), "run": {"workers": 2, "probe_steps": 0, "limits": limits}}
    record = go(tmp_path, **changes).load()
    jobs = by_id(record)
    for seed in (0, 1):
        failure = jobs[f"train:few/full#{seed}"].failure
        assert failure is not None
        assert failure.kind == kind
        assert "run.limits" in failure.message
    assert all(job.status == "done" for name, job in jobs.items() if "few/full#" not in name)
    work = len(worked(tmp_path / "home"))
    go(tmp_path, **changes)
    assert {name.partition("#")[0] for name in worked(tmp_path / "home")[work:]} >= {"train:few/full"}
    assert not any("few/lora" in name or name.endswith(":base") for name in worked(tmp_path / "home")[work:])


def test_a_traceback_is_in_the_log_of_the_job_that_failed(tmp_path: Path) -> None:
    directory = go(tmp_path, recipe=recipes("raise"))
    text = (directory.path / "logs" / "train-few__full--0.txt").read_text()
    assert "Traceback" in text
    assert "_obey" in text


def test_where_native_code_crashed_is_in_the_log(tmp_path: Path) -> None:
    directory = go(tmp_path, recipe=recipes("segfault"))
    assert "Fatal Python error: Segmentation fault" in (directory.path / "logs" / "train-few__full--0.txt").read_text()


def test_what_a_diverged_training_measured_is_kept_for_the_report(tmp_path: Path) -> None:
    record = go(tmp_path, recipe=recipes("diverge")).load()
    results = {one.arm: one.result for one in record.trainings}
    assert results["few/full"] is not None
    assert results["few/full"].diverged
    assert results["few/lora"] is not None


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
        assert evaluation.result is not None
        assert {measure.task for measure in evaluation.result.measures} == {evaluation.eval}
        assert {row.task for row in directory.scores(evaluation)} == {evaluation.eval}
    shown = StringIO()
    display = PlainDisplay(console=Console(file=shown, width=200))
    run_suite(fake_suite(tmp_path, **again), fresh=True, home=tmp_path / "home", reports=tmp_path / "reports",
              display=display, server=SERVER)  # fmt: skip
    assert "eval:renamed:base done" in shown.getvalue()
    assert re.search(r"eval:second:base reused: second 0\.000", shown.getvalue()), shown.getvalue()


def test_a_claim_is_no_reason_to_train_again_but_makes_another_report(tmp_path: Path) -> None:
    first = go(tmp_path)
    work = worked(tmp_path / "home")
    second = go(tmp_path, claim=({"says": "few/lora >= base", "on": "qa"},))
    assert worked(tmp_path / "home") == work
    assert second.path != first.path


def test_a_read_only_reports_folder_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file is in the way")
    with pytest.raises(InputError) as caught:
        go(tmp_path)
    assert caught.value.problems[0].reference == "run.not-writable"


def test_the_record_names_no_folder_outside_the_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    directory = go(tmp_path)
    assert str(tmp_path) not in (directory.path / "record.json").read_text()
