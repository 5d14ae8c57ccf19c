"""Keys of servers, looked for in the environment before any work."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from bench.endpoint.key import read_key
from bench.errors import InputError, Problem
from bench.record.jobs.eval_job import AnswerJob, EvalJob
from bench.run.plan.types import Plan
from bench.suite.tables.endpoint import EndpointSpec
from bench.suite.tables.evals.judge import JudgeSpec
from bench.suite.tables.suite import Suite


def check_keys(planned: Plan) -> None:
    """Raises `InputError` with each endpoint whose key is not set, or is none."""
    jobs = [job.asking if isinstance(job := entry.job, AnswerJob) else job for entry in planned.can_run]
    served = [job.served.endpoint for job in jobs if isinstance(job, EvalJob) and job.served is not None]
    if problems := _unset((endpoint, None) for endpoint in served):
        raise InputError(problems)


def key_problems(suite: Suite) -> list[Problem]:
    """Each server of the suite, a judge's among them, whose key this machine does not have."""
    bases = [(f"models.{name}" if name else "model", model.endpoint) for name, model in suite.bases().items()]
    given = [(f"arms.given.{name}", arm.endpoint) for name, arm in suite.arms.given.items()]
    judges = [
        (f"eval[{index}].judge", spec.judge.endpoint)
        for index, spec in enumerate(suite.eval)
        if isinstance(spec, JudgeSpec)
    ]
    named = [*bases, *given, *judges]
    return _unset((endpoint, f"{where}.endpoint.key_env") for where, endpoint in named if endpoint is not None)


def _unset(endpoints: Iterable[tuple[EndpointSpec, str | None]]) -> list[Problem]:
    """One problem for each server and key, at the first place that names them."""
    first: dict[tuple[str, str | None], Problem] = {}
    for endpoint, where in endpoints:
        try:
            read_key(endpoint, os.environ)
        except InputError as error:
            [problem] = error.problems
            first.setdefault(
                (endpoint.host, endpoint.key_env), problem if where is None else replace(problem, where=where)
            )
    return list(first.values())
