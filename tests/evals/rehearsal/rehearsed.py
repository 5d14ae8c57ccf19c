"""Problems that a rehearsal finds."""

import pytest

from bench.errors import InputError, Problem
from bench.evals.rehearsal.rehearse import rehearse
from bench.record.jobs.eval_job import EvalJob


def problems(job: EvalJob) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        rehearse(job)
    return tuple(caught.value.problems)
