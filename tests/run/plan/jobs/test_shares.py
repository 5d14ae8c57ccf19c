"""Evals whose questions are shared out: the jobs of a plan, and what a run makes of them."""

from pathlib import Path
from typing import Any

from bench.record.jobs.eval_job import AnswerJob, EvalJob, ShareJob
from bench.record.record import Record
from bench.run.plan.plan import plan
from bench.run.plan.types import Plan
from bench.run.resolve.suite import resolve
from bench.suite.checks.check import check
from tests.fakes.suites import fake_suite, run_below
from tests.run.plan.jobs.test_judges import judge

RUN = {"workers": 2, "probe_steps": 0}
LOSS = {"kind": "loss", "name": "loss", "data": {"source": "held.jsonl"}}
WRITTEN = {"kind": "generation", "name": "written", "data": {"source": "held.jsonl"}}


def make_plan(root: Path, *evals: dict[str, Any], shares: dict[str, int]) -> Plan:
    home = root / "home"
    suite = fake_suite(root, eval=evals, seeds=(0,), run={**RUN, "shares": shares})
    return plan(resolve(suite, home=home), home=home)


def test_shares_come_before_their_eval_and_are_in_no_digest_but_their_own(tmp_path: Path) -> None:
    one = make_plan(tmp_path, LOSS, WRITTEN, judge(), shares={})
    several = make_plan(tmp_path, LOSS, WRITTEN, judge(), shares={"loss": 3, "j": 2})
    shares = [entry for entry in several.jobs if isinstance(entry.job, ShareJob)]
    others = [entry for entry in several.jobs if not isinstance(entry.job, ShareJob)]
    assert [entry.digest for entry in others] == [entry.digest for entry in one.jobs]
    assert several.digest == one.digest
    assert len({entry.digest for entry in shares}) == len(shares) == 3 * (3 + 2)
    for entry in others:
        asking = entry.job.asking if isinstance(entry.job, AnswerJob) else entry.job
        if not isinstance(asking, EvalJob) or asking.judging is not None:
            continue
        own = [share for share in shares if share.digest in entry.after]
        assert len(own) == {"loss": 3, "j": 2}.get(asking.eval.name, 0)
        assert [Path(folder).name for folder in asking.shares] == [share.digest for share in own]
        assert all(set(share.after) < set(entry.after) or not share.after for share in own)
        assert {share.job.asking.subject for share in own if isinstance(share.job, ShareJob)} <= {asking.subject}


def finished(root: Path, shares: dict[str, int]) -> Record:
    suite = fake_suite(root, eval=(LOSS, WRITTEN), seeds=(0,), run={**RUN, "shares": shares})
    directory = run_below(root, suite, go_on=True)
    return directory.load()


def test_a_failed_share_ends_its_eval_with_the_reason_and_a_finished_eval_is_not_shared_out_again(
    tmp_path: Path,
) -> None:
    """The fake worker's second share of the base fails as long as there is no file `mended`."""
    record = finished(tmp_path, {"loss": 2})
    by_id = {job.id: job for job in record.jobs}
    failed = by_id["eval:loss:base"].failure
    assert (failed.kind, failed.message) == ("dependency", "its share of the questions failed: no memory in this share")
    assert by_id["share:loss:base:1/2"].status == "done"
    assert by_id["eval:loss:few/full#0"].status == "done"
    (tmp_path / "home" / "mended").touch()
    again = finished(tmp_path, {"loss": 2})
    assert all(job.status == "done" for job in again.jobs)
    shares = [job for job in again.jobs if job.id.startswith("share")]
    assert [job.id for job in shares if not job.reused] == ["share:loss:base:2/2"]
    assert [share.result.replies for share in again.shares if share.result is not None] == [5] * 2 * 3
    assert [job.id for job in finished(tmp_path, {"loss": 2}).jobs] == [job.id for job in again.jobs]
    assert not any(job.id.startswith("share") for job in finished(tmp_path, {"loss": 3}).jobs)


def test_shares_of_an_eval_that_is_not_there_are_refused(tmp_path: Path) -> None:
    suite = fake_suite(tmp_path, eval=(LOSS,), run={**RUN, "shares": {"los": 2}}).suite
    (problem,) = check(suite, tmp_path)
    assert (problem.what, problem.where) == ("there is no eval 'los' in this suite", "run.shares.los")
