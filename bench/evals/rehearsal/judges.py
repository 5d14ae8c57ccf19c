"""Rehearsal of a judge: what it compares with, and one short request."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.data.store import load_rows
from bench.endpoint.client import open_endpoint
from bench.endpoint.completion import CompletionRequest
from bench.errors import InputError, Problem
from bench.evals.judge.ask import judge_prompt, judge_requests
from bench.evals.judge.pairs import AnswerPair, question, stored_answers, system_text
from bench.evals.rehearsal.problems import place_of
from bench.evals.subject.mock import ANSWER
from bench.record.jobs.eval_job import EvalJob
from bench.suite.tables.evals.judge import JudgeSpec
from bench.suite.tables.models.endpoint import EndpointSpec

REPLY_TOKENS = 16
"""Longest reply of a judge to the one request that it is asked."""


def judge_problems(job: EvalJob) -> Iterator[Problem]:
    spec, judging = job.eval, job.judging
    assert isinstance(spec, JudgeSpec), "chosen by kind"
    assert judging is not None, "a judge's job"
    assert job.data is not None, "a judge eval has rows"
    rows = load_rows(job.data.path)
    if judging.stored is not None:
        stored_answers(rows, load_rows(judging.stored.path), judging.against)
    elif judging.reference is None and not any(row.answer.strip() for row in rows):
        what = f"eval {spec.name!r}: none of the {len(rows):,} rows has a stored answer to compare with"
        hint = 'add the answers to the rows, give reference = { source = "…" }, or compare with the base'
        yield Problem(reference="judge.no-reference", what=what, where=place_of(job), hint=hint)
    row = rows[0]
    pair = AnswerPair(id="1", question=question(row), system=system_text(row), answer=ANSWER, opponent="I do not know.")
    request = next(judge_requests(spec, judge_prompt(spec, judging), pair))
    if spec.judge.endpoint is not None:
        short = request.sampling.model_copy(update={"max_tokens": min(REPLY_TOKENS, request.sampling.max_tokens)})
        yield from asked_once(job, spec.judge.endpoint, request.model_copy(update={"sampling": short}), role="judge")


def asked_once(job: EvalJob, endpoint: EndpointSpec, request: CompletionRequest, *, role: str) -> Iterator[Problem]:
    """One short request, whose reply is not kept: it must show that the server answers today. A server without its key
    is not asked: keys are checked once for all evals (`bench.run.checks.endpoint_keys`)."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            client = open_endpoint(endpoint, table=place_of(job), cache=Path(folder))
        except InputError:
            return
        [completion] = client.complete([request])
    if completion.reply is None:
        what = f"{role} {endpoint.model} at {endpoint.host} gave no reply: {completion.failure}"
        hint = "check base_url, model and key_env, and that the server is running"
        yield Problem(reference=f"{role}.no-reply", what=what, where=place_of(job), hint=hint)
