"""The documents of a task that are scored: as many as are asked for, or a part of these.

Contract: a document keeps its number and its id, whichever part is scored, so that scores of all subjects line up.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from lm_eval.api.task import Task

from bench.evals.example_part import in_part
from bench.evals.lm_eval.samples.score_rows import cluster_of
from bench.record.jobs.eval_job import ExamplePart


def keep_part(tasks: Iterable[Task], part: ExamplePart | None) -> None:
    """Lets each task see only the documents of the part, of those that a limit leaves; `None`: all."""
    if part is not None:
        for task in tasks:
            _keep(task, part)


def _keep(task: Task, part: ExamplePart) -> None:
    whole = task.doc_iterator

    def iterate(**options: Any) -> Iterator[tuple[int, Any]]:
        documents = list(whole(**options))
        inside = in_part(part, [_content(task, document) for _, document in documents])
        return (document for document, chosen in zip(documents, inside, strict=True) if chosen)

    task.doc_iterator = iterate


def _content(task: Task, document: Any) -> str:
    """What decides a document's part: its cluster where it has one, so that no cluster is in both parts."""
    cluster = cluster_of(task, document)
    return repr(document) if cluster is None else f"cluster {cluster}"


def count_documents(task: Task, limit: int | None) -> int:
    """Documents that are scored."""
    return sum(1 for _ in task.doc_iterator(limit=limit))
