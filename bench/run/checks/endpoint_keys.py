"""Keys of served models, looked for in the environment before any work."""

from __future__ import annotations

import os

from bench.endpoint.key import read_key
from bench.errors import InputError, Problem, collected
from bench.record.jobs.eval_job import AnswerJob, EvalJob
from bench.run.plan.types import Plan


def check_keys(planned: Plan) -> None:
    """Raises `InputError` with each endpoint whose key is not set, or is none."""
    jobs = [job.asking if isinstance(job := entry.job, AnswerJob) else job for entry in planned.can_run]
    served = [job.served.endpoint for job in jobs if isinstance(job, EvalJob) and job.served is not None]
    problems: list[Problem] = []
    for endpoint in {(endpoint.host, endpoint.key_env): endpoint for endpoint in served}.values():
        with collected(problems):
            read_key(endpoint, os.environ)
    if problems:
        raise InputError(problems)
