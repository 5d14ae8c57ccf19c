"""Arms that train nothing, and arms on several models: each is planned, run and recorded as a subject of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.record.jobs.eval_job import EvalJob
from bench.record.record import Record
from bench.run.display import QuietDisplay
from bench.run.plan.plan import plan
from bench.run.plan.types import Plan
from bench.run.process.server import ChildServer
from bench.run.resolve.suite import resolve
from bench.run.run import run_suite
from tests.fakes.suites import fake_model, fake_rows, fake_suite, worked

SERVER = ChildServer(module="tests.fakes.worker")
EVALS = (
    {"kind": "lm_eval", "name": "qa", "tasks": ("t",)},
    {"kind": "lm_eval", "name": "raw", "tasks": ("t",), "template": "none"},
)


def few_shot(**changes: Any) -> dict[str, Any]:
    recipe = {
        "full": {"method": "full", "learning_rate": 1e-3},
        "shots": {"method": "few_shot", "shots": 3},
    }
    return {"recipe": recipe, "arms": {"data": ("few",), "recipe": ("full", "shots")}, "eval": EVALS, **changes}


def models(root: Path) -> dict[str, Any]:
    fake_model(root / "large", parameters=32, seed=1)
    return {"model": None, "models": {"small": {"path": "model"}, "large": {"path": "large"}}, "eval": EVALS[:1]}


def make_plan(root: Path, *, only: tuple[str, ...] = (), **changes: Any) -> Plan:
    home = root / "home"
    return plan(resolve(fake_suite(root, **changes), home=home), home=home, only=only)


def go(root: Path, **changes: Any) -> Record:
    suite = fake_suite(root, **changes)
    display, reports = QuietDisplay(), root / "reports"
    return run_suite(suite, home=root / "home", reports=reports, display=display, server=SERVER).load()


def digests(planned: Plan) -> dict[str, str]:
    return {one.job.id: one.digest for one in planned.jobs}


def test_few_shot_trains_nothing_and_is_evaluated_with_every_seed(tmp_path: Path) -> None:
    record = go(tmp_path, **few_shot())
    assert record.all_done
    assert {training.arm for training in record.trainings} == {"few/full"}
    assert {probe.arm for probe in record.probes} == {"few/full"}
    scored = {e.subject: e.result for e in record.evaluations if e.arm == "few/shots" and e.eval == "qa"}
    assert set(scored) == {"few/shots#0", "few/shots#1"}
    assert all(result is not None and result.shots is not None and len(result.shots) == 3 for result in scored.values())


def test_the_rows_in_the_context_and_their_draw_are_part_of_what_is_cached(tmp_path: Path) -> None:
    """Else a changed data set would be answered with the scores of the old one."""
    before = digests(make_plan(tmp_path, **few_shot()))
    assert before["eval:qa:few/shots#0"] != before["eval:qa:few/shots#1"] != before["eval:qa:base"]
    fake_rows(tmp_path / "few2.jsonl", answer="other")
    after = digests(make_plan(tmp_path, **few_shot(data={"few": {"source": "few2.jsonl"}})))
    assert before["eval:qa:few/shots#0"] != after["eval:qa:few/shots#0"]
    assert before["eval:qa:base"] == after["eval:qa:base"]


def test_without_a_template_few_shot_is_the_base_and_shares_its_result(tmp_path: Path) -> None:
    planned = make_plan(tmp_path, **few_shot())
    ids = digests(planned)
    assert ids["eval:raw:few/shots#0"] == ids["eval:raw:few/shots#1"] == ids["eval:raw:base"]
    job = next(one.job for one in planned.jobs if one.job.id == "eval:raw:few/shots#0")
    assert isinstance(job, EvalJob)
    assert job.shots is None


def test_several_models_have_a_base_and_arms_each(tmp_path: Path) -> None:
    record = go(tmp_path, **models(tmp_path))
    assert record.all_done
    assert {e.subject for e in record.evaluations if e.arm is None} == {"base@small", "base@large"}
    assert {training.arm for training in record.trainings} == {
        "few/full@small", "few/full@large", "few/lora@small", "few/lora@large",
    }  # fmt: skip
    assert set(record.resolved.models) == {"small", "large"}
    assert record.resolved.models["small"].sha256 != record.resolved.models["large"].sha256


def test_no_two_models_share_a_job(tmp_path: Path) -> None:
    ids = digests(make_plan(tmp_path, **models(tmp_path)))
    assert len(set(ids.values())) == len(ids)


def test_one_arm_of_several_models_needs_one_base(tmp_path: Path) -> None:
    planned = make_plan(tmp_path, only=("few/full@large",), **models(tmp_path))
    bases = {one.job.id for one in planned.jobs if one.selected and one.arm is None}
    assert bases == {"eval:qa:base@large"}


def test_a_suite_without_evals_only_trains(tmp_path: Path) -> None:
    record = go(tmp_path, eval=())
    assert record.all_done
    assert not record.evaluations
    assert {name.partition(":")[0] for name in worked(tmp_path / "home")} == {"train", "probe"}
