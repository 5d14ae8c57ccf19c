"""The rehearsal of each kind of eval, with all its problems at once."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bench.data.render.refused_rows import check_embedded, refuse_rows
from bench.data.render.row import Row
from bench.data.store import load_rows
from bench.endpoint.completion import CompletionRequest
from bench.errors import BenchError, InputError, Problem
from bench.evals.rehearsal.judges import REPLY_TOKENS, asked_once, judge_problems
from bench.evals.rehearsal.own_rows import generation_problems, loss_problems, question_problems
from bench.evals.rehearsal.problems import named_after, unforeseen
from bench.evals.rehearsal.tasks import task_problems
from bench.evals.rehearsal.trial import mock_subject
from bench.evals.served.conversation import messages_of
from bench.record.jobs.eval_job import EvalJob
from bench.suite.checks.models.template_tokens import embedding_rows
from bench.suite.resolved import UNREACHABLE
from bench.suite.tables.evals.eval_spec import asks_bare
from bench.suite.tables.models.endpoint import Sampling


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
            question = CompletionRequest.ask("Say yes.", sampling=Sampling(max_tokens=REPLY_TOKENS))
            problems += asked_once(job, job.served.endpoint, question, role="endpoint")
    except BenchError as error:
        raise InputError(named_after(problem, job) for problem in error.problems) from error
    except Exception as error:  # a task file's, a template's, a metric's: whatever the eval would meet in the run
        raise InputError(unforeseen(error, job)) from error
    if problems:
        raise InputError(problems)


def _check_rows(job: EvalJob) -> None:
    """Raises `InputError` for rows of the eval's own data that the template cannot print, or the model cannot embed."""
    if job.data is None or not job.eval.loads_subject:
        return
    if job.served is not None:
        for row in load_rows(job.data.path):
            messages_of(row.turns[:-1])
        return
    scored = job.eval.by_likelihood
    if asks_bare(job.eval):
        return  # prompts are asked as they are
    renderer = mock_subject(job).renderer
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


_KINDS: dict[str, Callable[[EvalJob], Iterator[Problem]]] = {
    "lm_eval": task_problems,
    "choice": task_problems,
    "generation": generation_problems,
    "questions": question_problems,
    "loss": loss_problems,
    "judge": judge_problems,
}
