"""Keys of servers, looked for in the environment before any work."""

import os
from collections.abc import Iterable

from bench.endpoint.key import read_key
from bench.errors import InputError, Problem
from bench.run.plan.types import Plan
from bench.suite.tables.evals.judge import JudgeSpec
from bench.suite.tables.models.endpoint import EndpointSpec
from bench.suite.tables.suite import Suite

_Key = tuple[str, str | None]
"""A server and the variable that holds its key."""


def check_keys(planned: Plan) -> None:
    """Raises `InputError` with each endpoint whose key a job needs and which is not set, or is none."""
    evals = [job for entry in planned.can_run if (job := entry.eval_job) is not None]
    asked = [job.served.endpoint for job in evals if job.served is not None]
    asked += [job.eval.judge.endpoint for job in evals if isinstance(job.eval, JudgeSpec) and job.eval.judge.endpoint]
    asked += [job.engine.spec.server for job in evals if job.engine is not None]
    needed = {_key_of(endpoint) for endpoint in asked}
    named = _named(planned.resolved.suite)
    if problems := _unset((endpoint, table) for endpoint, table in named if _key_of(endpoint) in needed):
        raise InputError(problems)


def key_problems(suite: Suite) -> list[Problem]:
    """Each server of the suite, a judge's and an engine's among them, whose key this machine does not have."""
    return _unset(_named(suite))


def _named(suite: Suite) -> list[tuple[EndpointSpec, str]]:
    """Each endpoint of the suite with the path of its table."""
    bases = [
        (model.endpoint, f"models.{name}.endpoint" if name else "model.endpoint")
        for name, model in suite.bases().items()
    ]
    given = [(arm.endpoint, f"arms.given.{name}.endpoint") for name, arm in suite.arms.given.items()]
    judges = [
        (spec.judge.endpoint, f"eval[{index}].judge.endpoint")
        for index, spec in enumerate(suite.eval)
        if isinstance(spec, JudgeSpec)
    ]
    engine = [] if suite.engine is None else [(suite.engine.server, "engine.server")]
    return [(endpoint, table) for endpoint, table in (*bases, *given, *judges, *engine) if endpoint is not None]


def _unset(named: Iterable[tuple[EndpointSpec, str]]) -> list[Problem]:
    """One problem for each server and key, at the first place that names them."""
    first: dict[_Key, Problem] = {}
    for endpoint, table in named:
        try:
            read_key(endpoint, os.environ, table=table)
        except InputError as error:
            first.setdefault(_key_of(endpoint), error.problems[0])
    return list(first.values())


def _key_of(endpoint: EndpointSpec) -> _Key:
    return endpoint.host, endpoint.key_env
