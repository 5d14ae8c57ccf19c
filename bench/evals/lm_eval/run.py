"""`kind = "lm_eval"`: tasks scored through `lm_eval.simple_evaluate`.

Contract: lm-eval builds prompts, runs filters and metrics; the subject answers through `SubjectLM`. Tasks are wrapped
in the prompt template unless the eval says `template = "none"` or the task's metadata says `wrap: false`. An example
whose metric cannot be computed has no score; all other examples keep theirs.
"""

import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lm_eval
import numpy as np
from lm_eval.api.task import Task
from lm_eval.tasks import TaskManager

from bench.emit import Emit
from bench.errors import InputError, Problem
from bench.evals.lm_eval.example_lm import ExampleLM
from bench.evals.lm_eval.language_model import SubjectLM
from bench.evals.lm_eval.lm_eval_private import PACKAGED_READERS, without_reports
from bench.evals.lm_eval.nltk_and_langdetect import house_nltk_data, reason_of, seed_detector
from bench.evals.lm_eval.samples.measures import TaskScores, read_samples
from bench.evals.lm_eval.tasks.documents import count_documents, keep_part
from bench.evals.lm_eval.tasks.groups import group_measures
from bench.evals.lm_eval.tasks.made_once import make_once
from bench.evals.lm_eval.tasks.tasks import Loaded, load_tasks
from bench.evals.outcome import EvalOutput, ExampleProgress
from bench.evals.subject.subject import Subject
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import ScoreRow
from bench.suite.tables.data import HUB_ID
from bench.suite.tables.evals.lm_eval import LmEvalSpec

SEED = 1234
"""Seed of lm-eval's few-shot examples and of sampled answers, the same for all subjects."""

Reasons = dict[tuple[str, str], str]
"""Why a task could not score a document, by task and the document's text."""

_log = logging.getLogger(__name__)


def evaluate_tasks(job: EvalJob, subject: Subject, emit: Emit) -> EvalOutput:
    """Scores a subject on the eval's tasks. Raises `InputError` for unknown or refused tasks."""
    spec = job.eval
    assert isinstance(spec, LmEvalSpec), "chosen by kind"
    return score_tasks(spec, subject.prepared.get("tasks", lambda: load_eval(spec, job)), subject, emit)


def load_eval(spec: LmEvalSpec, job: EvalJob) -> Loaded:
    """The eval's tasks with the documents that the job scores. Raises `InputError` for unknown or refused tasks."""
    folder = None if job.tasks_path is None else Path(job.tasks_path)
    house_nltk_data()
    random.seed(SEED)  # some tasks shuffle the options of their documents
    np.random.seed(SEED)
    if spec.rows is None:
        loaded = load_tasks(spec.tasks, folder, trust_code=job.trust_task_code)
    else:
        loaded = load_tasks(spec.tasks, None, rows=folder)
    keep_part(loaded.tasks.values(), job.part)
    make_once(loaded.tasks.values())
    return loaded


def score_tasks(spec: LmEvalSpec, loaded: Loaded, subject: Subject, emit: Emit) -> EvalOutput:
    """Scores a subject on tasks that are loaded already, by the options of `spec`."""

    def subject_lm(progress: ExampleProgress) -> ExampleLM:
        return SubjectLM(
            subject,
            progress,
            seed=SEED,
            strip_thinking=spec.strip_thinking,
            max_new_tokens=spec.max_new_tokens,
        )

    return score_with(spec, loaded, emit, subject_lm)


def score_with(
    spec: LmEvalSpec, loaded: Loaded, emit: Emit, make_lm: Callable[[ExampleProgress], ExampleLM]
) -> EvalOutput:
    """Scores what `make_lm` makes of a subject on tasks that are loaded already."""
    tasks, reasons = loaded.tasks, Reasons()
    seed_detector()
    lm = make_lm(ExampleProgress(emit, sum(count_documents(task, spec.limit) for task in tasks.values())))
    samples: dict[str, Sequence[Mapping[str, Any]]] = {}
    wrapped = {name: spec.template == "suite" and _asks_wrapping(task) for name, task in tasks.items()}
    for wrap in (True, False):
        chosen = [task for name, task in tasks.items() if wrapped[name] is wrap]
        if chosen:
            samples.update(_run(lm, chosen, loaded.manager, spec, reasons, wrap=wrap))
    scores = {name: _read(task, samples[name], lm, spec, reasons) for name, task in tasks.items()}
    generated = lm.account()
    return EvalOutput(
        rows=tuple(
            row
            for name, task_scores in scores.items()
            for row in _with_thinking(name, task_scores.rows, samples[name], lm)
        ),
        measures=tuple(measure for task_scores in scores.values() for measure in task_scores.measures),
        groups=tuple(group_measures(loaded.groups, scores, spec.tasks)),
        template=_template(lm, wrapped),
        batch=lm.batch(generated),
        truncated=len(lm.truncated),
        strip_thinking=lm.strips_thinking,
        generated_tokens=generated.tokens if generated else None,
        generated=generated,
        versions={name: str(task.VERSION) for name, task in tasks.items()},
        datasets={name: path for name, task in tasks.items() if (path := _hub_dataset(task)) is not None},
        available={name: len(task.eval_docs) for name, task in tasks.items()},
    )


def _hub_dataset(task: Task) -> str | None:
    """The dataset that the task reads; `None` of local files, where the reader is named in its place."""
    path = task.get_config("dataset_path")
    is_hub = isinstance(path, str) and HUB_ID.fullmatch(path) and path not in PACKAGED_READERS
    return path if is_hub else None


def _asks_wrapping(task: Task) -> bool:
    return (task.get_config("metadata") or {}).get("wrap", True) is not False


def _run(
    lm: ExampleLM, tasks: Sequence[Task], manager: TaskManager, spec: LmEvalSpec, reasons: Reasons, *, wrap: bool
) -> dict[str, Sequence[Mapping[str, Any]]]:
    """lm-eval's samples by task."""
    lm.begin(wrapped=wrap)
    with _isolated(tasks, reasons), without_reports():
        results = lm_eval.simple_evaluate(
            model=lm,
            tasks=list(tasks),
            task_manager=manager,
            num_fewshot=spec.num_fewshot,
            limit=spec.limit,
            bootstrap_iters=0,
            log_samples=True,
            apply_chat_template=wrap,
            fewshot_as_multiturn=True,
            random_seed=SEED,
            numpy_random_seed=SEED,
            torch_random_seed=SEED,
            fewshot_random_seed=SEED,
        )
    return dict(results["samples"])


@contextmanager
def _isolated(tasks: Sequence[Task], reasons: Reasons) -> Iterator[None]:
    """While open, a task's scoring of one example gives no metric, rather than no eval, where it fails."""
    scorings = [task.process_results for task in tasks]
    for task, scoring in zip(tasks, scorings, strict=True):
        task.process_results = _guarded(scoring, task.task_name, reasons)
    try:
        yield
    finally:
        for task, scoring in zip(tasks, scorings, strict=True):
            task.process_results = scoring


def _guarded(process: Callable[..., dict[str, Any]], task: str, reasons: Reasons) -> Callable[..., dict[str, Any]]:
    def guarded(document: Any, results: Any) -> dict[str, Any]:
        try:
            return process(document, results)
        except Exception as error:
            reason = reason_of(error)
            new = reason not in reasons.values()  # one traceback says it all
            _log.warning("an example of task %s could not be scored: %s", task, reason, exc_info=new)
            reasons[task, repr(document)] = reason
            return {}

    return guarded


def _read(
    task: Task, samples: Sequence[Mapping[str, Any]], lm: ExampleLM, spec: LmEvalSpec, reasons: Reasons
) -> TaskScores:
    name = task.task_name
    failed = {document: why for (asked, document), why in lm.failed.items() if asked == name and document is not None}
    asked = samples if reasons else ()  # the text of every document costs as much as its score
    unscored = {sample["doc_id"]: reasons[key] for sample in asked if (key := (name, repr(sample["doc"]))) in reasons}
    try:
        return read_samples(task, samples, failed=failed, unscored=unscored, headline=spec.metric, slices=spec.slices)
    except ValueError as error:
        raise InputError(
            Problem(reference="eval.metric", what=str(error), where="eval.metric", hint="name one of these")
        ) from error


def _with_thinking(
    task: str, rows: Sequence[ScoreRow], samples: Sequence[Mapping[str, Any]], lm: ExampleLM
) -> Iterator[ScoreRow]:
    """The rows of a task, in the order of its documents, with the thinking that was stripped from their answers."""
    for row, document in zip(rows, sorted({sample["doc_id"] for sample in samples}), strict=True):
        key = (task, document)
        thinking = {"thinking": lm.thinking.get(key), "unfinished_thinking": key in lm.unfinished}
        yield row.model_copy(update=thinking) if any(thinking.values()) else row


def _template(lm: ExampleLM, wrapped: Mapping[str, bool]) -> str:
    """The template's name, that of bare prompts, or both with the tasks that go without."""
    bare = [task for task, wrap in wrapped.items() if not wrap]
    if len(bare) == len(wrapped) or lm.bare == lm.template:
        return lm.bare
    return f"{lm.template} ({lm.bare} for {', '.join(bare)})" if bare else lm.template
