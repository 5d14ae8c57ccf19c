"""Rehearsal of evals on rows of their own: generation, questions, loss."""

from collections.abc import Iterator
from dataclasses import replace

from bench.data.store import load_rows
from bench.errors import Problem
from bench.evals.loss import supervised_text
from bench.evals.rehearsal.problems import place_of
from bench.evals.rehearsal.trial import has_score, mock_subject, trial
from bench.evals.subject.subject import rendered
from bench.record.jobs.eval_job import EvalJob
from bench.suite.tables.evals.generation import GenerationSpec


def generation_problems(job: EvalJob) -> Iterator[Problem]:
    spec = job.eval
    assert isinstance(spec, GenerationSpec), "chosen by kind"
    output = trial(job)
    if not has_score(output, spec.name):
        output = trial(job, most_rows=None)
    if has_score(output, spec.name):
        return
    assert job.data is not None, "an eval with rows"
    rows = load_rows(job.data.path)
    leading = next(measure.metric for measure in output.measures if measure.headline)
    references = sum(bool(row.answer.strip()) for row in rows)
    why = (
        f"none of the {len(rows):,} rows has an answer to compare with"
        if not references
        else f"none of the {references:,} references has what it compares with"
    )
    yield Problem(
        reference="rehearsal.no-reference",
        what=f"eval {spec.name!r} gives no score by {leading!r}: {why}",
        where=place_of(job),
        hint="add the answers to the rows, or name another metric",
    )


def question_problems(job: EvalJob) -> Iterator[Problem]:
    trial(job)
    yield from ()


def loss_problems(job: EvalJob) -> Iterator[Problem]:
    subject = mock_subject(job)
    rows = replace(subject, most_rows=None).rows(job)
    if not any(supervised_text(rendered(subject, row)).scored for row in rows):
        yield Problem(
            reference="rehearsal.no-score",
            what=f"eval {job.eval.name!r}: none of the {len(rows):,} rows has a token to score within the context",
            where=place_of(job),
            hint="give rows with answers that are shorter than the model's context",
        )
