"""Metrics that run code are refused by `bench validate`, which needs neither library nor network for that."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.suite.load import load_suite
from tests.fakes.suite_files import write_suite

EVAL = """
[[eval]]
name = "answers"
kind = "generation"
data = { source = "micro:heldout", select = { by = "first", size = 4 } }
"""


@pytest.mark.parametrize(
    ("metrics", "reference", "says"),
    [
        ('hub_metrics = [{ name = "bertscore", key = "f1" }]', "metric.hub", "'bertscore' is code from the hub"),
        ('metrics = ["exact_match", "code"]', "eval.code", "run what a model wrote"),
    ],
)
def test_code_that_the_command_line_does_not_allow_is_refused(
    tmp_path: Path, metrics: str, reference: str, says: str
) -> None:
    path = write_suite(tmp_path)
    path.write_text(path.read_text() + EVAL + metrics + "\n")
    with pytest.raises(InputError) as caught:
        load_suite(path, refuse_task_code=True)
    [problem] = caught.value.problems
    assert problem.reference == reference
    assert says in problem.what
    assert "--trust-task-code" in (problem.hint or "")
    load_suite(path)
