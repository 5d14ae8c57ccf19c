"""Each form of an arm is written after its training, alone on the machine, and scored from what was written."""

from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.eval_job import EvalJob
from bench.record.record import Record
from bench.record.rundir import RunDirectory
from bench.record.store import JobStore
from bench.run.checks import deployed_forms
from bench.run.commands.weights import find_trained
from bench.run.estimate.disk import needed_bytes
from bench.run.plan.plan import plan
from bench.run.plan.types import Plan, PlannedJob
from bench.run.resolve.suite import resolve
from tests.fakes.suites import HELD, fake_suite, run_below, worked

LORA = {"data": ("few",), "recipe": ("lora",)}


def make_plan(root: Path, **changes: Any) -> Plan:
    home = root / "home"
    return plan(resolve(fake_suite(root, **changes), home=home), home=home)


def by_id(planned: Plan) -> dict[str, PlannedJob]:
    return {one.job.id: one for one in planned.jobs}


def go(root: Path, **changes: Any) -> Record:
    return run_below(root, fake_suite(root, **{"arms": LORA, **changes})).load()


def with_packages(patch: pytest.MonkeyPatch, *, installed: bool) -> None:
    patch.setattr(deployed_forms, "find_spec", lambda name: ModuleSpec(name, None) if installed else None)


def test_a_form_waits_for_its_training_and_its_evals_for_the_form(tmp_path: Path) -> None:
    jobs = by_id(make_plan(tmp_path, arms=LORA, deploy={"forms": ("merged-bf16",)}))
    training, form = jobs["train:few/lora#1"], jobs["deploy:few/lora:merged-bf16#1"]
    assert form.after == (training.digest,)
    assert form.exclusive
    scored = jobs["eval:qa:few/lora:merged-bf16#1"]
    assert scored.after == (form.digest,)
    assert isinstance(scored.job, EvalJob)
    assert (scored.job.form, scored.job.training) == ("merged-bf16", form.digest)
    assert scored.digest != jobs["eval:qa:few/lora#1"].digest


def test_forms_leave_every_other_job_as_it_is(tmp_path: Path) -> None:
    before = {job: one.digest for job, one in by_id(make_plan(tmp_path, arms=LORA)).items()}
    after = {
        job: one.digest for job, one in by_id(make_plan(tmp_path, arms=LORA, deploy={"forms": ("merged",)})).items()
    }
    assert before.items() <= after.items()
    forms = by_id(make_plan(tmp_path, arms=LORA, deploy={"forms": ("merged", "merged-bf16")}))
    digests = [one.digest for one in forms.values() if isinstance(one.job, DeployJob)]
    assert len(set(digests)) == len(digests) == 4


def test_forms_are_run_and_recorded(tmp_path: Path) -> None:
    record = go(tmp_path, deploy={"forms": ("adapter", "merged")})
    assert record.all_done
    assert [(one.arm, one.seed) for one in record.deployments] == [
        (f"few/lora:{form}", seed) for form in ("adapter", "merged") for seed in (0, 1)
    ]
    assert all(one.result is not None and one.job.alone for one in record.deployments)
    assert {one.subject for one in record.evaluations if one.arm == "few/lora:merged"} == {
        "few/lora:merged#0", "few/lora:merged#1",
    }  # fmt: skip
    assert len(worked(tmp_path / "home")) == len(set(worked(tmp_path / "home")))


def test_a_form_that_waits_is_refused_with_its_evals_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_packages(monkeypatch, installed=False)
    record = go(tmp_path, deploy={"forms": ("merged", "int8", "int4", "gguf-q4_k_m", "endpoint")})
    failed = {job.id: job.failure.message for job in record.jobs if job.failure is not None}
    forms = ("int8", "int4", "gguf-q4_k_m", "endpoint")
    assert set(failed) == {
        f"{kind}few/lora:{form}#{seed}"
        for kind in ("deploy:", "eval:qa:", "eval:held:")
        for form in forms
        for seed in (0, 1)
    }
    assert failed["eval:qa:few/lora:int8#0"] == "int8 cannot be built here: torchao is not installed"
    missing = "gguf-q4_k_m cannot be built here: the package llama_cpp is not installed"
    assert failed["deploy:few/lora:gguf-q4_k_m#0"] == missing
    assert {job.failure.kind for job in record.jobs if job.failure is not None} == {"refused"}


def test_forms_run_where_their_packages_are_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_packages(monkeypatch, installed=True)
    assert go(tmp_path, deploy={"forms": ("int8", "gguf-f16", "gguf-q8_0", "gguf-q4_k_m")}).all_done


def test_a_base_that_no_gguf_file_is_written_of_is_refused_before_its_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_packages(monkeypatch, installed=True)
    planned = make_plan(tmp_path, arms=LORA, deploy={"forms": ("merged", "gguf-f16")})
    (tmp_path / "model" / "config.json").write_text('{"model_type": "opt"}', encoding="utf-8")
    refused = {one.refusal.what for one in deployed_forms.without_waiting_forms(planned).jobs if one.refusal}
    what = "no GGUF file is written of model_type opt, only of llama, mistral, qwen2, qwen3"
    assert refused == {f"gguf-f16 cannot be built here: {what}"}


def test_a_form_behind_a_server_is_asked_there_and_nothing_is_written(tmp_path: Path) -> None:
    """It is one model, that of the first training, and has no likelihoods."""
    asked = {"kind": "generation", "name": "asked", "data": {"source": "held.jsonl"}, "metrics": ("exact_match",)}
    server = {"few/lora": {"base_url": "http://localhost:1/v1", "model": "tuned"}}
    deploy = {"forms": ("endpoint",), "endpoint": server}
    jobs = by_id(make_plan(tmp_path, arms=LORA, eval=(asked, HELD), deploy=deploy))
    assert {name for name in jobs if "few/lora:" in name} == {"eval:asked:few/lora:endpoint#0"}
    job = jobs["eval:asked:few/lora:endpoint#0"].job
    assert isinstance(job, EvalJob)
    assert job.served is not None
    assert job.served.endpoint.model == "tuned"
    assert (job.form, job.training) == (None, None)


def test_whole_forms_take_room_unless_they_are_freed(tmp_path: Path) -> None:
    """A merged one takes four bytes a parameter where evals compute in fp32."""
    size = {"adapter": 0, "merged": 4, "merged-bf16": 2, "int8": 1}
    needed = {form: needed_bytes(make_plan(tmp_path, arms=LORA, deploy={"forms": (form,)})) for form in size}
    parameters = make_plan(tmp_path, arms=LORA).resolved.model.parameters or 0
    seeds = 2
    for form, each in size.items():
        assert needed[form] - needed["adapter"] == seeds * each * parameters, form
    run = {"workers": 2, "probe_steps": 2, "probe_rounds": 1, "keep_weights": False}
    freed = make_plan(tmp_path, arms=LORA, deploy={"forms": ("merged",)}, run=run)
    assert needed_bytes(freed) == needed["adapter"]


def test_a_form_is_not_exported_as_a_training(tmp_path: Path) -> None:
    go(tmp_path, deploy={"forms": ("merged",)})
    run = RunDirectory.find("fake", tmp_path / "reports")
    with pytest.raises(InputError, match="few/lora:merged is a deployed form"):
        find_trained(run, "few/lora:merged", seed=None, home=tmp_path / "home")


def test_what_was_freed_is_made_again_up_to_the_training(tmp_path: Path) -> None:
    run = {"workers": 2, "probe_steps": 2, "keep_weights": False}
    deploy = {"forms": ("merged",)}
    record = go(tmp_path, deploy=deploy, run=run)
    store = JobStore(home=tmp_path / "home")
    made = [one.job.digest for one in (*record.trainings, *record.deployments)]
    assert all(manifest is not None and manifest.freed for manifest in map(store.done, made))
    qa = {"kind": "lm_eval", "name": "qa", "tasks": ("t",)}
    evals = (qa, {**qa, "name": "more", "limit": 1}, HELD)
    again = by_id(make_plan(tmp_path, arms=LORA, deploy=deploy, run=run, eval=evals))
    assert again["deploy:few/lora:merged#0"].digest == record.deployments[0].job.digest
    assert again["deploy:few/lora:merged#0"].to_do
    assert again["train:few/lora#0"].digest == record.trainings[0].job.digest
    assert again["train:few/lora#0"].to_do
    assert not again["eval:qa:few/lora:merged#0"].to_do
