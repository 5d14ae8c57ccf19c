"""Arms that train nothing, and arms on several models: each is planned, run and recorded as a subject of its own."""

from pathlib import Path
from typing import Any

import pytest

from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import ProbeJob, TrainJob
from bench.record.record import Record
from bench.run.plan.plan import plan
from bench.run.plan.types import Plan
from bench.run.resolve.suite import resolve
from bench.suite.checks.names.warm_starts import start_problems
from tests.fakes.suites import fake_model, fake_rows, fake_suite, run_below, worked

EVALS = (
    {"kind": "lm_eval", "name": "qa", "tasks": ("t",)},
    {"kind": "lm_eval", "name": "raw", "tasks": ("t",), "template": "none"},
)


def few_shot(**changes: Any) -> dict[str, Any]:
    recipe = {"full": {"method": "full", "learning_rate": 1e-3}, "shots": {"method": "few_shot", "shots": 3}}
    return {"recipe": recipe, "arms": {"data": ("few",), "recipe": ("full", "shots")}, "eval": EVALS, **changes}


def models(root: Path) -> dict[str, Any]:
    fake_model(root / "large", parameters=32, seed=1)
    return {"model": None, "models": {"small": {"path": "model"}, "large": {"path": "large"}}, "eval": EVALS[:1]}


def make_plan(root: Path, *, only: tuple[str, ...] = (), **changes: Any) -> Plan:
    home = root / "home"
    return plan(resolve(fake_suite(root, **changes), home=home), home=home, only=only)


def go(root: Path, **changes: Any) -> Record:
    return run_below(root, fake_suite(root, **changes)).load()


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


STAGES = {
    "recipe": {
        "one": {"method": "full", "learning_rate": 1e-3},
        "two": {"method": "lora", "learning_rate": 1e-3, "from": "few/one"},
        "three": {"method": "full", "learning_rate": 1e-3, "from": "few/two"},
    },
    "arms": {"data": ("few",), "recipe": ("three", "two", "one")},
    "eval": EVALS[:1],
}


def test_an_arm_begins_from_another_seed_by_seed_and_waits_for_it(tmp_path: Path) -> None:
    planned = make_plan(tmp_path, **STAGES)
    jobs = {planned_job.job.id: planned_job for planned_job in planned.jobs}
    one, two, three = (jobs[f"train:few/{recipe}#1"] for recipe in ("one", "two", "three"))
    assert (one.after, two.after, three.after) == ((), (one.digest,), (one.digest, two.digest))
    assert isinstance(three.job, TrainJob)
    assert [(start.arm, start.digest) for start in three.job.model.starts] == [
        ("few/one", one.digest), ("few/two", two.digest),
    ]  # fmt: skip
    assert jobs["eval:qa:few/three#1"].after == (three.digest, one.digest, two.digest)
    order = [planned_job.digest for planned_job in planned.jobs]
    assert order.index(one.digest) < order.index(two.digest) < order.index(three.digest)
    probes = [planned_job.job for planned_job in planned.jobs if isinstance(planned_job.job, ProbeJob)]
    assert probes
    assert not any(probe.training.model.starts for probe in probes), "a probe runs before any training"
    assert go(tmp_path, **STAGES).all_done
    assert worked(tmp_path / "home").index("train:few/one#0") < worked(tmp_path / "home").index("train:few/two#0")


def test_another_start_is_another_training(tmp_path: Path) -> None:
    before = digests(make_plan(tmp_path, **STAGES))
    recipe = {**STAGES["recipe"], "one": {"method": "full", "learning_rate": 2e-3}}
    after = digests(make_plan(tmp_path, **{**STAGES, "recipe": recipe}))
    for recipe_name in ("one", "two", "three"):
        assert before[f"train:few/{recipe_name}#0"] != after[f"train:few/{recipe_name}#0"]
    assert before["eval:qa:base"] == after["eval:qa:base"]


@pytest.mark.parametrize(
    ("start", "what"),
    [
        ("few/ones", "there is no arm 'few/ones'"),
        ("few/two", "would begin from itself"),
        ("few/prompt", "changes no weights (prompt)"),
    ],
)
def test_an_arm_that_cannot_be_a_start_is_refused(tmp_path: Path, start: str, what: str) -> None:
    recipe = {
        **STAGES["recipe"],
        "two": {"method": "lora", "learning_rate": 1e-3, "from": start},
        "prompt": {"method": "prompt", "learning_rate": 1e-3},
    }
    suite = fake_suite(tmp_path, **{**STAGES, "recipe": recipe, "arms": {"data": ("few",), "recipe": tuple(recipe)}})
    assert any(what in problem.what for problem in start_problems(suite.suite))
