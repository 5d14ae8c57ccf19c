"""Rehearsal of an eval: everything that it does but the model's passes, on a few rows, before anything is trained.

Contract: needs tokenizer and template, never weights. Tasks are built, rows rendered and tokenised, every metric is
computed on made-up answers, references are counted, an endpoint is asked once. `rehearse` raises `InputError` with all
that would leave the eval without a score; what only the model's own answers can show is left to the base's eval.
"""

from __future__ import annotations

import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from bench.data.render.refused_rows import check_embedded, refuse_rows
from bench.data.render.render import make_renderer
from bench.data.render.row import Row
from bench.data.store import load_rows
from bench.emit import ignore_event
from bench.endpoint.client import open_endpoint
from bench.endpoint.completion import CompletionRequest
from bench.errors import BenchError, InputError, Problem
from bench.evals.job import KINDS
from bench.evals.judge.ask import judge_prompt, judge_requests
from bench.evals.judge.pairs import AnswerPair, question, stored_answers, system_text
from bench.evals.lm_eval.rehearsed_rows import MOST_ROWS, row_problems
from bench.evals.lm_eval.tasks import leaf_names
from bench.evals.loss import supervised_text
from bench.evals.mock_subject import ANSWER, MockSubject
from bench.evals.outcome import EvalOutput
from bench.evals.served.conversation import messages_before
from bench.evals.served.job import evaluate_served
from bench.evals.served.mock_server import MockServer
from bench.evals.served.subject import ServedSubject
from bench.evals.subject import rendered
from bench.model.loading.load import load_tokenizer
from bench.record.jobs.eval_job import EvalJob
from bench.suite.checks.models.template_tokens import embedding_rows
from bench.suite.resolved import UNREACHABLE
from bench.suite.tables.endpoint import EndpointSpec, Sampling
from bench.suite.tables.evals.choice import ChoiceSpec
from bench.suite.tables.evals.generation import GenerationSpec
from bench.suite.tables.evals.judge import JudgeSpec
from bench.suite.tables.evals.lm_eval import LmEvalSpec
from bench.suite.tables.evals.loss import LossSpec
from bench.suite.tables.evals.questions import QuestionsSpec

ROWS = 16
"""Rows of each task or eval that are rehearsed; all rows of an eval of its own where these give no score."""
_REPLY_TOKENS = 16
"""Longest reply of a judge to the one request that it is asked."""


def rehearse_all(jobs: Iterable[EvalJob], *, ask_endpoints: bool = False) -> dict[str, str]:
    """Rehearses every job. Raises `InputError` with the problems of all of them.

    `ask_endpoints`: served models are asked once.
    Returns what is reported of evals whose rows the hub does not give today, by name: an input that is unavailable, and
    not wrong.
    """
    problems: list[Problem] = []
    unavailable: dict[str, str] = {}
    for job in jobs:
        try:
            rehearse(job, ask_endpoint=ask_endpoints)
        except InputError as error:
            wrong = [problem for problem in error.problems if problem.reference != UNREACHABLE]
            problems += wrong
            if not wrong:
                unavailable[job.eval.name] = error.problems[0].what
    if problems:
        raise InputError(dict.fromkeys(problems))
    return unavailable


def rehearse(job: EvalJob, *, ask_endpoint: bool = False) -> None:
    """Rehearses one eval, whatever part of its examples is scored. Raises `InputError` with all that would leave it
    without a score."""
    job = job.model_copy(update={"part": None})
    try:
        _check_rows(job)
        problems = list(_KINDS[job.eval.kind](job))
        if job.served is not None and ask_endpoint:
            question = CompletionRequest.ask("Say yes.", sampling=Sampling(max_tokens=_REPLY_TOKENS))
            problems += _asked_once(job, job.served.endpoint, question, role="endpoint")
    except BenchError as error:
        raise InputError(_named(problem, job) for problem in error.problems) from error
    except Exception as error:  # a task file's, a template's, a metric's: whatever the eval would meet in the run
        raise InputError(_failure(error, job)) from error
    if problems:
        raise InputError(problems)


def _failure(error: Exception, job: EvalJob, task: str | None = None) -> Problem:
    """A failure that nobody foresaw, with its traceback in the log."""
    traceback.print_exception(error)
    message = next(iter(str(error).splitlines()), "")
    named = f"eval {job.eval.name!r}" + ("" if task is None else f", task {task!r},")
    what = f"{named} fails in rehearsal: {type(error).__name__}: {message}"
    hint = "fix the task file, the rows or the metric that it names"
    return Problem(reference="rehearsal.failed", what=what, where=_where(job), hint=hint)


def _check_rows(job: EvalJob) -> None:
    """Raises `InputError` for rows of the eval's own data that the template cannot print, or the model cannot embed."""
    if not isinstance(job.eval, LossSpec | GenerationSpec | QuestionsSpec) or job.data is None:
        return
    if job.served is not None:
        for row in load_rows(job.data.path):
            messages_before(row.turns, len(row.turns) - 1)
        return
    scored = isinstance(job.eval, LossSpec)
    if not isinstance(job.eval, LossSpec) and job.eval.template != "suite":
        return  # prompts are asked as they are
    renderer = _subject(job).renderer
    embedded = embedding_rows(Path(job.model.path))

    def check(row: Row) -> None:
        asked = row.turns[:-1]
        if scored:
            renderer.check(row)
        else:
            renderer.check_prompt(asked, row.origin)
        if embedded is not None and len(renderer.tokenizer) > embedded:
            ids = renderer.row(row).input_ids if scored else renderer.prompt(asked)
            check_embedded(renderer, ids, embedded, row.origin)

    refuse_rows(load_rows(job.data.path), check, job.data.odd_rows)


def _named(problem: Problem, job: EvalJob, task: str | None = None) -> Problem:
    """The problem with the names of eval and task, where it does not have them yet."""
    name = f"eval {job.eval.name!r}"
    named = name if task is None or repr(task) in f"{problem.what} {problem.where}" else f"{name}, task {task!r}"
    what = problem.what if name in problem.what else f"{named}: {problem.what}"
    return replace(problem, what=what, where=problem.where or name)


def _where(job: EvalJob) -> str:
    return f"eval {job.eval.name!r}"


def _subject(job: EvalJob, *, most_rows: int | None = ROWS) -> MockSubject:
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


def _evaluated(job: EvalJob, *, most_rows: int | None = ROWS) -> EvalOutput:
    """The eval of a subject without a model."""
    if job.served is not None:
        server = ServedSubject(completer=MockServer(text=ANSWER), concurrency=1, most_rows=most_rows)
        return evaluate_served(job, server, ignore_event)
    return KINDS[job.eval.kind](job, _subject(job, most_rows=most_rows), ignore_event)


def _tasks(job: EvalJob) -> Iterator[Problem]:
    """Problems of an eval's tasks; where one ends the rehearsal, each is rehearsed alone: none hides another."""
    try:
        yield from _tasks_together(job)
    except Exception:
        spec = job.eval
        leaves = leaf_names(spec.tasks, _task_folder(job, spec)) if isinstance(spec, LmEvalSpec) else []
        alone = [problem for task in leaves for problem in _alone(job, task)] if len(leaves) > 1 else []
        if not alone:
            raise
        yield from alone


def _alone(job: EvalJob, task: str) -> list[Problem]:
    spec = job.eval.model_copy(update={"tasks": (task,)})
    try:
        return list(_tasks_together(job.model_copy(update={"eval": spec})))
    except BenchError as error:
        return [_named(problem, job, task) for problem in error.problems]
    except Exception as error:
        return [_failure(error, job, task)]


def _tasks_together(job: EvalJob) -> Iterator[Problem]:
    spec = job.eval
    assert isinstance(spec, LmEvalSpec | ChoiceSpec), "chosen by kind"
    if isinstance(spec, LmEvalSpec):
        yield from row_problems(job, spec, _where(job))
    most = ROWS if job.served is not None else _subject(job).most_rows or MOST_ROWS
    output = _evaluated(
        job.model_copy(update={"eval": spec.model_copy(update={"limit": min(most, spec.limit or most)})})
    )
    for task in dict.fromkeys(measure.task for measure in output.measures):
        if not _scored(output, task):
            why = _reason(output, task)
            what = f"task {task!r} gives no score on its first {len(_rows(output, task))} examples: {why}"
            hint = "fix the task file or its rows"
            yield Problem(reference="rehearsal.no-score", what=what, where=_where(job), hint=hint)


def _task_folder(job: EvalJob, spec: LmEvalSpec) -> Path | None:
    """The suite's own task files; `None` for tasks of lm-eval, on rows of the suite's own or not."""
    return None if job.tasks_path is None or spec.rows is not None else Path(job.tasks_path)


def _scored(output: EvalOutput, task: str) -> bool:
    """Whether the task's headline measure, or any where none leads, has a value."""
    measures = [measure for measure in output.measures if measure.task == task]
    leading = [measure for measure in measures if measure.headline] or measures
    return any(measure.value is not None for measure in leading)


def _rows(output: EvalOutput, task: str) -> list[str | None]:
    return [row.unscored for row in output.rows if row.task == task]


def _reason(output: EvalOutput, task: str) -> str:
    reasons = Counter(reason for reason in _rows(output, task) if reason is not None).most_common(1)
    return reasons[0][0] if reasons else "its metric gives no number"


def _generation(job: EvalJob) -> Iterator[Problem]:
    spec = job.eval
    assert isinstance(spec, GenerationSpec), "chosen by kind"
    output = _evaluated(job)
    if not _scored(output, spec.name):
        output = _evaluated(job, most_rows=None)
    if _scored(output, spec.name):
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
        where=_where(job),
        hint="add the answers to the rows, or name another metric",
    )


def _questions(job: EvalJob) -> Iterator[Problem]:
    _evaluated(job)
    yield from ()


def _loss(job: EvalJob) -> Iterator[Problem]:
    subject = _subject(job)
    rows = replace(subject, most_rows=None).rows(job)
    if not any(supervised_text(rendered(subject, row)).supervised for row in rows):
        yield Problem(
            reference="rehearsal.no-score",
            what=f"eval {job.eval.name!r}: none of the {len(rows):,} rows has a token to score within the context",
            where=_where(job),
            hint="give rows with answers that are shorter than the model's context",
        )


def _judge(job: EvalJob) -> Iterator[Problem]:
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
        yield Problem(reference="judge.no-reference", what=what, where=_where(job), hint=hint)
    row = rows[0]
    pair = AnswerPair(id="1", question=question(row), system=system_text(row), answer=ANSWER, opponent="I do not know.")
    request = next(judge_requests(spec, judge_prompt(spec, judging), pair))
    if spec.judge.endpoint is not None:
        short = request.sampling.model_copy(update={"max_tokens": min(_REPLY_TOKENS, request.sampling.max_tokens)})
        yield from _asked_once(job, spec.judge.endpoint, request.model_copy(update={"sampling": short}), role="judge")


def _asked_once(job: EvalJob, endpoint: EndpointSpec, request: CompletionRequest, *, role: str) -> Iterator[Problem]:
    """One short request, whose reply is not kept: it must show that the server answers today."""
    with tempfile.TemporaryDirectory() as folder:
        [completion] = open_endpoint(endpoint, cache=Path(folder)).complete([request])
    if completion.reply is None:
        what = f"{role} {endpoint.model} at {endpoint.host} gave no reply: {completion.failure}"
        hint = "check base_url, model and key_env, and that the server is running"
        yield Problem(reference=f"{role}.no-reply", what=what, where=_where(job), hint=hint)


_KINDS: dict[str, Callable[[EvalJob], Iterator[Problem]]] = {
    "lm_eval": _tasks,
    "choice": _tasks,
    "generation": _generation,
    "questions": _questions,
    "loss": _loss,
    "judge": _judge,
}
