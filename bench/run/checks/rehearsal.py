"""Each eval to do is rehearsed by a child before the first training: tasks, prompts, metrics, references, endpoints.

Contract: one job of each eval on each base, and on each endpoint, is rehearsed. A rehearsal that found nothing wrong is
remembered by digest and by its own code, but for judges and arms behind an endpoint, which are asked once in every run
that trains: without a training to pay for, their own jobs show as cheaply whether they answer.
"""

from pathlib import Path

from bench.code_digest import own_code
from bench.digest import digest_json
from bench.record.jobs.eval_job import EvalJob
from bench.run.plan.types import Plan
from bench.run.process.payloads import RehearsalRequest
from bench.run.process.server import ChildServer
from bench.suite.tables.evals.judge import JudgeSpec


def rehearse(planned: Plan, *, home: Path, server: ChildServer) -> dict[str, str]:
    """Rehearse the evals of a run. Raises `InputError` with all that would leave one without a score.

    Returns what is reported of evals whose rows the hub does not give today, by name: their jobs fail, and the next run
    does them alone.
    """
    request = _request(planned, home)
    if not request.jobs:
        return {}
    unavailable = dict(server.call("rehearse", request, folder=home, log=_log(home)) or {})
    for job in request.jobs:
        if not _asks_judge(job) and not _is_asked_again(job, planned) and job.eval.name not in unavailable:
            _memo(home, job).parent.mkdir(parents=True, exist_ok=True)
            _memo(home, job).touch()
    return unavailable


def begin_rehearsal(planned: Plan, *, home: Path, server: ChildServer) -> None:
    """Have rehearsed meanwhile what `rehearse` will be asked for, unless an endpoint is asked, which is done once."""
    request = _request(planned, home)
    if request.jobs and not any(job.served is not None or _asks_judge(job) for job in request.jobs):
        server.begin("rehearse", request, folder=home, log=_log(home))


def _request(planned: Plan, home: Path) -> RehearsalRequest:
    """The evals that are to be rehearsed."""
    jobs = [job for job in _one_of_each(planned) if _is_asked_again(job, planned) or not _memo(home, job).exists()]
    return RehearsalRequest(jobs=tuple(jobs), ask_endpoints=planned.trains)


def _is_asked_again(job: EvalJob, planned: Plan) -> bool:
    return job.served is not None and planned.trains


def _log(home: Path) -> Path:
    return home / "logs" / "rehearsal.txt"


def _one_of_each(planned: Plan) -> list[EvalJob]:
    """One job to do of each eval on each base and endpoint; a judge's answers and its judging are two."""
    jobs, seen = dict[str, EvalJob](), set[tuple[str, str, int, int]]()
    for planned_job in planned.can_run:
        job = planned_job.eval_job
        if job is None or (job.judging is not None and job.judging.by_definition):
            continue
        if planned.trains or not _asks_judge(job):
            same = (job.eval.name, job.eval.kind, id(job.model), id(job.served))  # the plan keeps these alive
            if same in seen:
                continue  # most of a thousand arms
            seen.add(same)
            served = None if job.served is None else job.served.endpoint.identity
            jobs.setdefault(digest_json([job.eval.name, job.eval.kind, job.model.identity, served]), job)
    return list(jobs.values())


def _asks_judge(job: EvalJob) -> bool:
    return isinstance(job.eval, JudgeSpec) and job.eval.judge.endpoint is not None


def _memo(home: Path, job: EvalJob) -> Path:
    rehearsed = f"{job.digest}-trusted" if job.trust_task_code else job.digest
    rows = "" if job.data is None else f"-{job.data.odd_rows}"
    return home / "rehearsed" / own_code(home).key(rehearsed + rows, "bench.evals.rehearsal.rehearse")
