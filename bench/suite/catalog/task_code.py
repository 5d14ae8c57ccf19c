"""What in a task file would run code, known without lm-eval: Python functions, classes, metrics that are not lm-eval's.

Contract: reading never runs what a file names. `bench validate` reports with this what loading the task refuses.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from bench.errors import Problem, did_you_mean
from bench.suite.catalog.lm_eval_names import EVALUATE_METRICS, installed_metrics, is_unknown_metric

_HINT = "read the file; if you trust it: bench run SUITE --trust-task-code"


def code_problem(file: Path, what: str) -> Problem:
    """The refusal of a task file that would run code."""
    what = f"the task file {file.name} {what}, which would run code"
    return Problem(reference="tasks.code", what=what, where=str(file), hint=_HINT)


def code_in(file: Path, config: Mapping[str, Any], *, unknown: bool = True) -> Iterator[str]:
    """What in a task file, whose keys are `config`, would run code, each as the end of a sentence.

    `unknown`: also metrics that nobody is known to have, for which lm-eval would ask the hub.
    """
    if any(isinstance(token, yaml.TagToken) for token in yaml.scan(file.read_text(encoding="utf-8"))):
        yield "refers to a Python function"
    for table in tables_in(config):
        for key in sorted({"class", "use_prompt"} & table.keys()):
            yield f"has the key {key!r}"
        if not unknown and is_unknown_metric(table):
            continue
        if "metric" in table and (str(table["metric"]) not in installed_metrics() or table.get("hf_evaluate")):
            yield f"uses the metric {table['metric']!r}, which is not lm-eval's{_near_metric(str(table['metric']))}"


def tables_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """All tables in a YAML value, at any depth."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from tables_in(item)


def _near_metric(name: str) -> str:
    if name in EVALUATE_METRICS:
        return ""
    near = did_you_mean(name, installed_metrics())
    return f" ({near})" if near.startswith("did you mean") else ""
