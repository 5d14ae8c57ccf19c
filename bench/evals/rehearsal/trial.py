"""The eval of a subject that computes nothing, on a few rows."""

from collections import Counter
from pathlib import Path

from bench.data.render.render import make_renderer
from bench.emit import ignore_event
from bench.evals.job import KINDS
from bench.evals.outcome import EvalOutput
from bench.evals.served.job import evaluate_served
from bench.evals.served.mock_server import MockServer
from bench.evals.served.subject import ServedSubject
from bench.evals.subject.mock import ANSWER, MockSubject
from bench.model.loading.load import load_tokenizer
from bench.record.jobs.eval_job import EvalJob
from bench.suite.checks.models.template_tokens import embedding_rows

ROWS = 16
"""Rows of each task or eval that are rehearsed; all rows of an eval of its own where these give no score."""


def mock_subject(job: EvalJob, *, most_rows: int | None = ROWS) -> MockSubject:
    """A subject that takes the first `most_rows` rows; all where the tokenizer has tokens that the model lacks."""
    tokenizer, positions = load_tokenizer(job.model), job.model.context_length
    embedded = embedding_rows(Path(job.model.path))
    lacks = embedded is not None and len(tokenizer) > embedded
    return MockSubject(
        model=None,  # nothing computes
        tokenizer=tokenizer,
        renderer=make_renderer(tokenizer, job.model, positions),
        context_length=positions,
        most_rows=None if lacks else most_rows,
        embedded=embedded if lacks else None,
    )


def trial(job: EvalJob, *, most_rows: int | None = ROWS) -> EvalOutput:
    """The eval of a subject without a model."""
    if job.served is not None:
        server = ServedSubject(completer=MockServer(text=ANSWER), concurrency=1, most_rows=most_rows)
        return evaluate_served(job, server, ignore_event)
    return KINDS[job.eval.kind](job, mock_subject(job, most_rows=most_rows), ignore_event)


def has_score(output: EvalOutput, task: str) -> bool:
    """Whether the task's headline measure, or any where none leads, has a value."""
    measures = [measure for measure in output.measures if measure.task == task]
    leading = [measure for measure in measures if measure.headline] or measures
    return any(measure.value is not None for measure in leading)


def reasons_of(output: EvalOutput, task: str) -> list[str | None]:
    return [row.unscored for row in output.rows if row.task == task]


def main_reason(output: EvalOutput, task: str) -> str:
    reasons = Counter(reason for reason in reasons_of(output, task) if reason is not None).most_common(1)
    return reasons[0][0] if reasons else "its metric gives no number"
