"""Evals in a plan: which subjects a server answers for, and where batches are checked."""

from pathlib import Path
from typing import Any

from bench.record.jobs.eval_job import AnswerJob, EvalJob
from bench.record.jobs.train_job import TrainJob
from bench.run.estimate.advice.engine_advice import engine_advice
from bench.run.estimate.forecast_types import EvalForecast
from bench.run.plan.engine_notes import engine_notes
from bench.run.plan.plan import plan
from bench.run.plan.types import Plan
from bench.run.resolve.suite import resolve
from tests.fakes.suites import fake_suite
from tests.run.plan.jobs.test_judges import judge

LOSS = {"kind": "loss", "name": "loss", "data": {"source": "held.jsonl"}}
WRITTEN = {"kind": "generation", "name": "written", "data": {"source": "held.jsonl"}}


def make_plan(root: Path, *evals: dict[str, Any], workers: int = 1, **changes: Any) -> Plan:
    home = root / "home"
    suite = fake_suite(root, eval=evals, run={"workers": workers}, **changes)
    return plan(resolve(suite, home=home), home=home)


def scorings(planned: Plan) -> list[EvalJob]:
    jobs = [job.asking if isinstance(job := entry.job, AnswerJob) else job for entry in planned.jobs]
    return [job for job in jobs if isinstance(job, EvalJob) and job.judging is None]


def test_each_subject_checks_its_batches_in_the_first_eval_with_answers(tmp_path: Path) -> None:
    other = {**WRITTEN, "name": "other"}
    planned = scorings(make_plan(tmp_path, LOSS, judge(), WRITTEN, other))
    checked = [(job.subject, job.eval.name) for job in planned if job.checks_batches]
    assert {name for _, name in checked} == {"j"}
    assert len({subject for subject, _ in checked}) == len(checked) == len({job.subject for job in planned})
    alone = scorings(make_plan(tmp_path, WRITTEN, other))
    assert {job.eval.name for job in alone if job.checks_batches} == {"written"}
    digests = {(job.eval.name, job.subject): job.digest for job in planned}
    assert all(digests[job.eval.name, job.subject] == job.digest for job in alone), "no part of a digest"


def test_a_job_that_is_made_like_an_earlier_one_is_what_its_own_fields_make(tmp_path: Path) -> None:
    """Only the first of a recipe or an eval is validated; a wrong field in another would first be seen by its child."""
    planned = make_plan(tmp_path, LOSS, WRITTEN, seeds=[0, 1])
    for job in (entry.job for entry in planned.jobs):
        assert type(job).model_validate(job.model_dump(by_alias=True)) == job
    seeds = {job.seed: job for entry in planned.jobs if isinstance(job := entry.job, TrainJob) and "lora" in job.arm}
    assert seeds[0] == seeds[1].model_copy(update={"seed": 0, "digest": seeds[0].digest}) != seeds[1]


def test_a_served_arm_has_jobs_where_text_is_enough_and_no_machine_in_its_digest(tmp_path: Path) -> None:
    def served(**changes: Any) -> dict[str, EvalJob]:
        endpoint = {"base_url": "http://localhost:1/v1", "model": "m", **changes}
        planned = make_plan(
            tmp_path, LOSS, WRITTEN, judge(), workers=2, arms={"given": {"api": {"endpoint": endpoint}}}
        )
        return {job.eval.name: job for job in scorings(planned) if job.subject == "given/api#0"}

    jobs = served()
    assert set(jobs) == {"written", "j"}
    assert all(job.served is not None and job.training is None for job in jobs.values())
    assert jobs["written"].served is not None
    assert jobs["written"].served.endpoint.concurrency == 4, "two jobs may ask at the same time"
    patient, other = served(retries=9, price={"prompt": 1, "completion": 1}), served(model="n")
    assert patient["written"].digest == jobs["written"].digest != other["written"].digest


def test_a_server_generates_for_the_base_and_for_the_adapters_that_it_loads(tmp_path: Path) -> None:
    server = {"base_url": "http://localhost:1/v1", "model": "m"}

    def engines(**changes: Any) -> dict[tuple[str, str], bool | None]:
        jobs = scorings(make_plan(tmp_path, LOSS, WRITTEN, engine={"server": server, **changes}))
        return {(job.eval.name, job.subject): None if job.engine is None else job.engine.adapter for job in jobs}

    fixed, loads = engines(), engines(adapters=True)
    assert {key for key, adapter in fixed.items() if adapter is not None} == {("written", "base")}
    assert {key: adapter for key, adapter in loads.items() if adapter is not None} == {
        ("written", "base"): False,
        ("written", "few/lora#0"): True,
        ("written", "few/lora#1"): True,
    }, "likelihoods and full weights are this program's"
    plain = {(job.eval.name, job.subject): job.digest for job in scorings(make_plan(tmp_path, LOSS, WRITTEN))}
    planned = scorings(make_plan(tmp_path, LOSS, WRITTEN, engine={"server": server}))
    same = {(job.eval.name, job.subject) for job in planned if plain[job.eval.name, job.subject] == job.digest}
    assert set(plain) - same == {("written", "base")}, "an engine is part of the digests of its answers alone"


def test_a_plan_says_for_whom_a_server_is_used_and_whether_one_is_worth_starting(tmp_path: Path) -> None:
    server = {"base_url": "http://localhost:1/v1", "model": "m"}
    [line] = engine_notes(make_plan(tmp_path, LOSS, WRITTEN, engine={"server": server, "adapters": True}))
    assert "generates on written for base, few/lora#0, few/lora#1; not for few/full#0, few/full#1" in line
    [line] = engine_notes(make_plan(tmp_path, LOSS, engine={"server": server}))
    assert "not used" in line
    planned = make_plan(tmp_path, LOSS, WRITTEN)
    assert engine_notes(planned) == ()

    def advice(seconds: float | None, loading: float | None = None, speedup: float | None = None) -> tuple[str, ...]:
        each = [EvalForecast(eval=name, subjects=5, cached=0, seconds=seconds) for name in ("written", "loss")]
        return engine_advice(planned, each, loading=loading, speedup=speedup)

    assert "not worth starting: about 15 s of answers of 3 evals" in advice(5.0)[0], "of base and two adapters"
    assert "may be worth starting" in advice(9.0)[0]
    assert "about 20 s (not measured here)" in advice(9.0)[0]
    assert advice(None) == ()
    assert "not worth starting" in advice(9.0, loading=30.0)[0]
    assert "about 30 s (measured here)" in advice(9.0, loading=30.0)[0]
    assert "not worth starting" in advice(20.0, speedup=1.25)[0], "a fifth of 60 s are saved"
    assert "vllm: worth starting" in advice(20.0, speedup=2.0)[0], "half of 60 s"
    assert "not worth starting" in advice(900.0, speedup=0.5)[0], "it would lose time"
