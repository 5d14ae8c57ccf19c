"""Judge evals in a plan: what they need, what is asked for with them, and what their digests cover."""

from pathlib import Path
from typing import Any

import pytest

from bench.errors import InputError
from bench.record.jobs.eval_job import AnswerJob, EvalJob
from bench.run.checks.endpoint_keys import check_keys
from bench.run.plan.plan import plan
from bench.run.plan.types import Plan, PlannedJob
from bench.run.resolve.suite import resolve
from tests.fakes.suites import fake_suite


def judge(**changes: Any) -> dict[str, Any]:
    endpoint = {"base_url": "http://localhost:1/v1", "model": "m", **changes.pop("endpoint", {})}
    return {
        "kind": "judge", "name": "j", "data": {"source": "held.jsonl"}, "judge": {"endpoint": endpoint}, **changes,
    }  # fmt: skip


def make_plan(root: Path, *, only: tuple[str, ...] = (), workers: int = 1, **changes: Any) -> Plan:
    home = root / "home"
    suite = fake_suite(root, eval=(judge(**changes),), run={"workers": workers})
    return plan(resolve(suite, home=home), home=home, only=only)


def by_id(planned: Plan) -> dict[str, PlannedJob]:
    return {one.job.id: one for one in planned.jobs}


def digests(planned: Plan, kind: str) -> dict[str, str]:
    return {one.job.id: one.digest for one in planned.jobs if one.job.kind == kind}


def test_a_judgement_needs_the_answers_of_both_sides_and_no_weights(tmp_path: Path) -> None:
    planned = make_plan(tmp_path)
    jobs = by_id(planned)
    arm = next(one for one in planned.jobs if isinstance(one.job, EvalJob) and one.arm is not None)
    own = jobs[f"answer:j:{arm.job.subject}"]  # type: ignore[union-attr]  # an EvalJob
    assert set(arm.after) == {own.digest, jobs["answer:j:base"].digest}
    assert isinstance(arm.job, EvalJob)
    assert arm.job.training_path is None
    assert jobs["eval:j:base"].after == (jobs["answer:j:base"].digest,)
    order = [one.digest for one in planned.jobs]
    assert all(order.index(need) < order.index(one.digest) for one in planned.jobs for need in one.after)


def test_another_judge_asks_for_no_answers_again_and_patience_for_nothing(tmp_path: Path) -> None:
    first = make_plan(tmp_path)
    patient = make_plan(tmp_path, endpoint={"retries": 9, "concurrency": 3, "price": {"prompt": 1, "completion": 1}})
    other = make_plan(tmp_path, endpoint={"model": "n"})
    prompted = make_plan(tmp_path, prompt="letter")
    assert digests(first, "eval") == digests(patient, "eval")
    for changed in (other, prompted):
        assert digests(first, "answer") == digests(changed, "answer")
        assert not set(digests(first, "eval").values()) & set(digests(changed, "eval").values())
    assert digests(first, "answer") != digests(make_plan(tmp_path, decoding={"max_new_tokens": 9}), "answer")


def test_an_arm_asked_for_brings_what_it_is_judged_against(tmp_path: Path) -> None:
    planned = make_plan(tmp_path, only=(next(one.arm for one in make_plan(tmp_path).jobs if one.arm),))
    selected = {one.job.id for one in planned.jobs if one.selected}
    assert "answer:j:base" in selected
    for one in planned.jobs:
        if one.selected:
            assert set(one.after) <= {other.digest for other in planned.jobs if other.selected}


def test_limits_are_divided_among_jobs_that_run_side_by_side(tmp_path: Path) -> None:
    limits = {"concurrency": 8, "requests_per_minute": 60}
    planned = make_plan(tmp_path, workers=4, endpoint=limits)
    job = next(one.job for one in planned.jobs if isinstance(one.job, EvalJob))
    assert job.eval.kind == "judge"
    assert job.eval.judge.endpoint.concurrency == 2
    assert job.eval.judge.endpoint.requests_per_minute == 15
    assert job.eval.judge.endpoint.tokens_per_minute is None


def test_a_missing_key_is_told_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(InputError, match="NO_SUCH_KEY is not set"):
        check_keys(make_plan(tmp_path, endpoint={"key_env": "NO_SUCH_KEY"}))


def test_an_engine_s_missing_key_is_told_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trainings ran, and then the evals of the base failed."""
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    server = {"base_url": "https://engine.example/v1", "model": "m", "key_env": "NO_SUCH_KEY"}
    questions = {"kind": "questions", "name": "q", "data": {"source": "held.jsonl"}}
    home = tmp_path / "home"
    loaded = fake_suite(tmp_path, eval=(questions,), engine={"server": server})
    with pytest.raises(InputError) as caught:
        check_keys(plan(resolve(loaded, home=home), home=home))
    assert [problem.where for problem in caught.value.problems] == ["engine.server.key_env"]


def test_answers_are_those_of_an_equal_questions_eval(tmp_path: Path) -> None:
    """So that they are made once."""
    home = tmp_path / "home"
    questions = {"kind": "questions", "name": "q", "data": {"source": "held.jsonl"}}
    planned = plan(resolve(fake_suite(tmp_path, eval=(judge(), questions)), home=home), home=home)
    jobs = by_id(planned)
    assert isinstance(jobs["answer:j:base"].job, AnswerJob)
    assert jobs["answer:j:base"].digest == jobs["eval:q:base"].digest
