"""`bench clean`: frees room, and never what a finished report or a run at work needs."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.record.store import JobStore
from bench.run.commands.clean import KINDS, free, leftovers, summary
from bench.run.estimate import disk
from bench.run.plan.plan import plan
from bench.run.process.locks import child_lock
from bench.run.resolve.suite import resolve
from tests.fakes.orders import ORDERS
from tests.fakes.suites import fake_suite, go, worked


def kinds(root: Path) -> dict[str, int]:
    return {str(row["name"]): int(row["count"] or 0) for row in summary(leftovers(root / "home", root / "reports"))}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_can_go_and_the_report_and_a_second_run_still_have_all(tmp_path: Path) -> None:
    directory = go(tmp_path)
    before, work = files(directory.path), worked(tmp_path / "home")
    found = leftovers(tmp_path / "home", tmp_path / "reports")
    assert kinds(tmp_path) == {"temporary": 0, "unused": 0, "unfinished": 0, "weights": 4}
    freed = free(tmp_path / "home", found, tuple(KINDS))
    assert sum(one.bytes for one in freed) == 400
    assert not list((tmp_path / "home" / "jobs").glob("*/weights/*"))
    assert files(directory.path) == before
    assert go(tmp_path).load().all_done
    assert worked(tmp_path / "home") == work
    assert kinds(tmp_path)["weights"] == 0


def test_another_eval_trains_again_what_was_freed(tmp_path: Path) -> None:
    """Freed weights must not be taken for weights."""
    go(tmp_path)
    free(tmp_path / "home", leftovers(tmp_path / "home", tmp_path / "reports"), ("weights",))
    work = len(worked(tmp_path / "home"))
    more = ({"kind": "lm_eval", "name": "other", "tasks": ("u",)},)
    data = {"few": {"source": "few.jsonl"}}
    go(tmp_path)  # the same suite needs nothing
    assert len(worked(tmp_path / "home")) == work
    evals = (*fake_suite(tmp_path).suite.model_dump(mode="json")["eval"], *more)
    assert go(tmp_path, eval=evals, data=data).load().all_done
    again = worked(tmp_path / "home")[work:]
    assert len([name for name in again if name.startswith("train:")]) == 4
    assert {name.split(":")[1] for name in again if name.startswith("eval:")} == {"other"}


def test_a_suite_that_keeps_no_weights_frees_them_as_it_goes_and_stays_done(tmp_path: Path) -> None:
    run = {"workers": 2, "probe_steps": 0, "keep_weights": False}
    assert go(tmp_path, run=run).load().all_done
    assert not list((tmp_path / "home" / "jobs").glob("*/weights/*"))
    work = len(worked(tmp_path / "home"))
    assert go(tmp_path, run=run).load().all_done
    assert len(worked(tmp_path / "home")) == work


def test_unused_and_unfinished_are_told_apart(tmp_path: Path) -> None:
    directory = go(tmp_path, recipe={
        "full": {"method": "full", "learning_rate": ORDERS["raise"]},
        "lora": {"method": "lora", "learning_rate": 1e-3},
    })  # fmt: skip
    (tmp_path / "home" / "jobs" / ".x.json.abc.tmp").write_text("torn")
    assert kinds(tmp_path) == {"temporary": 1, "unused": 0, "unfinished": 2, "weights": 2}
    shutil.rmtree(directory.path)
    assert kinds(tmp_path) == {"temporary": 1, "unused": 10, "unfinished": 2, "weights": 0}
    free(tmp_path / "home", leftovers(tmp_path / "home", tmp_path / "reports"))
    assert kinds(tmp_path) == {"temporary": 0, "unused": 0, "unfinished": 2, "weights": 0}


def test_replies_that_a_growing_eval_reads_stay_and_others_go(tmp_path: Path) -> None:
    held = {"kind": "loss", "name": "held", "data": {"source": "held.jsonl", "select": {"by": "first", "size": 2}}}
    claim = {"says": "few/full >= base", "on": "held"}
    go(tmp_path, eval=(held,), claim=(claim,), sequential={"max_seeds": 3, "max_examples": {"held": 4}})
    jobs = [json.loads(path.read_text()) for path in (tmp_path / "home" / "jobs").glob("*/job.json")]
    kept = [Path(job["replies"]) for job in jobs if job.get("replies")]
    assert len(kept) == 5, "the base and two seeds of two arms"
    for path in [*kept, kept[0].with_name("other.jsonl")]:
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    unused = [one.path.name for one in leftovers(tmp_path / "home", tmp_path / "reports") if one.kind == "unused"]
    assert unused == ["other.jsonl"]


def test_with_a_torn_record_nothing_counts_as_unused(tmp_path: Path) -> None:
    directory = go(tmp_path)
    (directory.path / "record.json").write_text("{")
    assert kinds(tmp_path)["unused"] == 0


def test_a_job_at_work_is_left_alone(tmp_path: Path) -> None:
    go(tmp_path)
    digest = next(one for one in leftovers(tmp_path / "home", tmp_path / "reports")).digest
    assert digest is not None
    with child_lock(tmp_path / "home", digest):
        freed = free(tmp_path / "home", leftovers(tmp_path / "home", tmp_path / "reports"), tuple(KINDS))
    assert digest not in {one.digest for one in freed}
    manifest = JobStore(home=tmp_path / "home").done(digest)
    assert manifest.freed == ()


def test_links_are_not_followed(tmp_path: Path) -> None:
    go(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep.txt").write_text("mine")
    (tmp_path / "home" / "jobs" / ("e" * 64)).symlink_to(outside)
    free(tmp_path / "home", leftovers(tmp_path / "home", tmp_path / "reports"), tuple(KINDS))
    assert (outside / "keep.txt").read_text() == "mine"


def test_too_little_room_is_told_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "free_bytes", lambda folder: 1000)
    with pytest.raises(InputError) as caught:
        go(tmp_path)
    problem = caught.value.problems[0]
    assert problem.reference == "run.no-space"
    assert "at least" in problem.what
    assert worked(tmp_path / "home") == []
    assert not (tmp_path / "reports").exists()


def test_the_room_needed_follows_weights_and_checkpoints(tmp_path: Path) -> None:
    def needed(**run: Any) -> int:
        loaded = fake_suite(tmp_path, run={"workers": 1, "probe_steps": 0, **run})
        return disk.needed_bytes(plan(resolve(loaded, home=tmp_path / "home"), home=tmp_path / "home"))

    plain = needed()
    model = 16 * 4  # 16 parameters in fp32, two seeds of full fine-tuning
    assert needed(steps_between_saves=2) - plain == 2 * 3 * model
    assert plain - needed(keep_weights=False) == model
    assert disk.free_bytes(tmp_path / "not" / "there") == disk.free_bytes(tmp_path)
