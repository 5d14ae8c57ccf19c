"""Metrics of generation evals that run code from outside this program, which only the command line can allow.

Contract: `bench validate` reports with this what the eval itself refuses.
"""

from collections.abc import Iterator, Sequence

from bench.errors import Problem
from bench.suite.tables.evals.eval_spec import EvalSpec
from bench.suite.tables.evals.generation import GenerationSpec, HubMetric

_HINT = "bench run SUITE --trust-task-code"


def metric_code_problems(evals: Sequence[EvalSpec]) -> Iterator[Problem]:
    """The refusals of the evals of a suite that is run without `--trust-task-code`."""
    for index, spec in enumerate(evals):
        if isinstance(spec, GenerationSpec):
            if "code" in spec.metrics:
                yield answers_run(f"eval[{index}].metrics")
            yield from (hub_code(metric, f"eval[{index}].hub_metrics") for metric in spec.hub_metrics)


def answers_run(where: str) -> Problem:
    """The refusal of answers that would be run as code."""
    what = "code evals run what a model wrote, which was not allowed"
    return Problem(reference="eval.code", what=what, where=where, hint=_HINT)


def hub_code(metric: HubMetric, where: str) -> Problem:
    """The refusal of a metric whose code comes from the hub."""
    what = f"the metric {metric.name!r} is code from the hub, which was not allowed to run"
    return Problem(reference="metric.hub", what=what, where=where, hint=_HINT)
