"""Documents and requests of a task, made once for all subjects that are asked.

Contract: every reader gets documents of its own, which its code may change; a request comes back without answers. What
code draws at random to make a document is the same for prompt and score, and for all subjects.
"""

import pickle
from collections.abc import Iterable, Iterator
from typing import Any

from lm_eval.api.task import ConfigurableTask, Task


def make_once(tasks: Iterable[Task]) -> None:
    """Lets each task keep what it makes of its rows."""
    for task in tasks:
        if isinstance(task, ConfigurableTask):
            _keep_rows(task)
        _keep_documents(task)
        _keep_requests(task)


def _keep_rows(task: ConfigurableTask) -> None:
    """Rows behind the task's own code, which lm-eval would let it make again whenever it asks how many there are."""
    made = task.task_docs
    task.test_docs = task.validation_docs = lambda: made  # of the two it reads the one that it has


def _keep_documents(task: Task) -> None:
    make, kept = task.doc_iterator, dict[str, list[tuple[int, bytes]]]()

    def iterate(*, limit: int | None = None, **options: Any) -> Iterator[tuple[int, Any]]:
        key = repr((limit, sorted(options.items())))
        if key not in kept:
            kept[key] = [(number, pickle.dumps(document)) for number, document in make(limit=limit, **options)]
        return ((number, pickle.loads(document)) for number, document in kept[key])  # noqa: S301  # pickled above

    task.doc_iterator = iterate


def _keep_requests(task: Task) -> None:
    make, made_for = task.build_all_requests, ""

    def build(**options: Any) -> None:
        """lm-eval's method. chat_template: a method of the subject that is asked, and no option."""
        nonlocal made_for
        key = repr(sorted((name, value) for name, value in options.items() if name != "chat_template"))
        if key != made_for:
            make(**options)
            made_for = key
        for request in task.instances:
            request.resps, request.filtered_resps = [], {}

    task.build_all_requests = build
