"""What the rows of a suite's own tell of an lm-eval task before any model is asked.

Contract: the suite's own task files and its own rows of lm-eval's tasks are looked at, up to `MOST_ROWS` rows of each
task; rows of the hub are lm-eval's matter.
"""

from collections.abc import Iterator
from itertools import islice

from lm_eval.api.task import ConfigurableTask

from bench.errors import Problem
from bench.evals.lm_eval.run import load_eval
from bench.record.jobs.eval_job import EvalJob
from bench.suite.checks.task_files.templates import TEMPLATES, row_faults
from bench.suite.tables.evals.lm_eval import LmEvalSpec

MOST_ROWS = 20_000
"""Rows of a task that its templates are tried on: a prompt is printed in microseconds."""


def row_problems(job: EvalJob, spec: LmEvalSpec, where: str) -> Iterator[Problem]:
    """What the templates cannot print of a row, and rows that give every answer the same score."""
    if job.tasks_path is None:
        return
    for name, task in load_eval(spec, job).tasks.items():
        if not isinstance(task, ConfigurableTask):
            continue
        faults = list(_unprintable(name, task, where)) if spec.rows is None else []
        yield from faults
        if not faults and (what := _tells_nothing(task)) is not None:
            hint = "fix the task file or its rows"
            yield Problem(reference="rehearsal.rows", what=f"task {name!r}: {what}", where=where, hint=hint)


def _unprintable(name: str, task: ConfigurableTask, where: str) -> Iterator[Problem]:
    config = {key: getattr(task.config, key) for key in ("output_type", *TEMPLATES)}
    rows = ((f"example {n}", row) for n, row in enumerate(islice(task.eval_docs, MOST_ROWS), start=1))
    for fault in row_faults(config, rows, frozenset(task.features)):
        yield Problem(reference=f"eval.task-{fault.about}", what=f"task {name!r}: {fault.what}", where=where,
                      hint=fault.hint)  # fmt: skip


def _tells_nothing(task: ConfigurableTask) -> str | None:
    """Why no answer can be told from another; `None` where one row can, or code scores the task."""
    if callable(task.config.process_results):
        return None
    rows = list(islice(task.eval_docs, MOST_ROWS))
    if task.OUTPUT_TYPE == "multiple_choice" and all(len(set(task.doc_to_choice(row))) < 2 for row in rows):
        return f"the options of each of its {len(rows):,} rows are all equal"
    if task.OUTPUT_TYPE == "generate_until" and all(_is_empty(task.doc_to_target(row)) for row in rows):
        return f"none of its {len(rows):,} rows has an answer to compare with"
    return None


def _is_empty(target: object) -> bool:
    texts = target if isinstance(target, list) else [target]
    return all(isinstance(text, str) and not text.strip() for text in texts)
