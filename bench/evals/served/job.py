"""One eval job of a served model: ask it, score its answers, write its scores."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.data.render.row import Row
from bench.emit import Emit
from bench.endpoint.client import open_endpoint
from bench.evals.generated.conversation import Replies
from bench.evals.generated.eval import scored_answers
from bench.evals.generated.questions import asked_rows, shown_answers
from bench.evals.lm_eval.choice import choice_task
from bench.evals.lm_eval.run import load_eval, score_with
from bench.evals.outcome import EvalOutput, ExampleProgress, write_scores
from bench.evals.served.conversation import ask_served
from bench.evals.served.language_model import ServedLM
from bench.evals.served.subject import ServedSubject
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import EvalResult
from bench.record.results.training.ledger import Seconds
from bench.suite.tables.evals.generation import GenerationSpec
from bench.suite.tables.evals.lm_eval import LmEvalSpec
from bench.suite.tables.evals.questions import QuestionsSpec

PRECISION = "as served"
"""Precision of a served model, for the record."""


def run_served(job: EvalJob, folder: Path, emit: Emit) -> EvalResult:
    """Score a served model on one eval and write `scores.jsonl` into `folder`. Raises `InputError` or
    `IncompleteError` where the server stops answering; its replies so far are stored."""
    started = time.perf_counter()
    assert job.served is not None, "a served model's job"
    client = open_endpoint(job.served.endpoint, table=f"{job.subject}: endpoint", cache=Path(job.served.replies))
    subject = ServedSubject(completer=client, concurrency=job.served.endpoint.concurrency)
    outcome = evaluate_served(job, subject, emit)
    evaluated = time.perf_counter()
    write_scores(folder, outcome.rows)
    finished = time.perf_counter()
    return EvalResult(
        **outcome.reported(),
        precision=PRECISION,
        endpoint=subject.used(),
        seconds=Seconds(evaluation=evaluated - started, saving=finished - evaluated, wall=finished - started),
        peak_process_bytes=None,
    )


def evaluate_served(job: EvalJob, subject: ServedSubject, emit: Emit) -> EvalOutput:
    """Scores of a served model on an eval that text is enough for."""
    return _KINDS[job.eval.kind](job, subject, emit)


def _generation(job: EvalJob, subject: ServedSubject, emit: Emit) -> EvalOutput:
    spec, rows = job.eval, subject.rows(job)
    assert isinstance(spec, GenerationSpec), "chosen by kind"
    return scored_answers(job, rows, _asked(spec, subject, rows, emit))


def _questions(job: EvalJob, subject: ServedSubject, emit: Emit) -> EvalOutput:
    spec = job.eval
    assert isinstance(spec, QuestionsSpec), "chosen by kind"
    rows = asked_rows(spec) if job.data is None else subject.rows(job)
    return shown_answers(spec, rows, _asked(spec, subject, rows, emit))


def _asked(spec: GenerationSpec | QuestionsSpec, subject: ServedSubject, rows: Sequence[Row], emit: Emit) -> Replies:
    """The server's replies to rows, without their thinking unless the eval asks for it."""
    progress = ExampleProgress(emit, len(rows))
    strip = spec.strip_thinking is not False
    return ask_served(subject, rows, spec.decoding, strip_thinking=strip, progress=progress)


def _tasks(job: EvalJob, subject: ServedSubject, emit: Emit) -> EvalOutput:
    spec = job.eval
    assert isinstance(spec, LmEvalSpec), "chosen by kind"
    loaded = load_eval(spec, job)
    return score_with(spec, loaded, emit, lambda progress: ServedLM(subject, progress, spec))


def _choice(job: EvalJob, subject: ServedSubject, emit: Emit) -> EvalOutput:
    task = choice_task(job)
    return task.scored(
        score_with(task.spec, task.loaded, emit, lambda progress: ServedLM(subject, progress, task.spec))
    )


_KINDS: dict[str, Callable[[EvalJob, ServedSubject, Emit], EvalOutput]] = {
    "generation": _generation,
    "questions": _questions,
    "lm_eval": _tasks,
    "choice": _choice,
}
