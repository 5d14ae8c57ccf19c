"""Why jobs are new: inputs alone are named, for what no digest covers makes no job new."""

import re

import pytest
from pydantic import BaseModel

from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import TrainJob
from bench.run.estimate.changes import _is_input
from bench.suite.reading.key_docs import key_docs

_OUTSIDE = re.compile(r"not (part of|in) the digest(?! of)", re.IGNORECASE)


@pytest.mark.parametrize("job", [EvalJob, TrainJob])
def test_what_is_not_part_of_the_digest_is_no_reason(job: type[BaseModel]) -> None:
    """A plan said `measured: unset → "/home/…"` of each job after an update."""
    said = {name: " ".join(text.split()) for name, text in key_docs(job).items()}
    outside = {name for name, text in said.items() if _OUTSIDE.search(text)}
    assert {name for name in outside if _is_input(name)} == set()
    assert len(outside) > 1
