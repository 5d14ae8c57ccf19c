"""Evals that a served model can be asked: those whose score needs the text of an answer and nothing else.

Contract: reads task files, never runs code. A server gives text, no likelihood of a text that somebody else
wrote, which held-out loss and multiple choice need.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from bench.suite.catalog.tasks import installed_definition, installed_task_file, merged_keys, read_task_folder
from bench.suite.tables.evals.eval_spec import EvalSpec
from bench.suite.tables.evals.lm_eval import LmEvalSpec

NO_LIKELIHOODS = "an endpoint gives text, no likelihoods"
"""Why an endpoint has no score on an eval."""
_WRITTEN = b"generate_until"
_BY_LIKELIHOOD = frozenset({"multiple_choice", "loglikelihood", "loglikelihood_rolling"})


def answered_in_text(spec: EvalSpec, tasks: Path | None) -> bool:
    """Whether the eval scores text alone. tasks: folder of an lm_eval eval's own task files, `None` of lm-eval's.

    A task whose files do not say how it scores counts as one that does: its own run shows.
    """
    if not isinstance(spec, LmEvalSpec):
        return not spec.by_likelihood
    files = installed_definition if spec.include is None or tasks is None else dict(read_task_folder(tasks).files).get
    kinds = (kind for task in spec.tasks for kind in _output_types(task, files, frozenset()))
    return not any(kind in _BY_LIKELIHOOD for kind in kinds)


def surely_writes(spec: EvalSpec, tasks: Path | None) -> bool:
    """Whether a subject writes answers in the eval, as far as the words of the files that define its tasks show it:
    every plan asks, so no file is parsed."""
    if not isinstance(spec, LmEvalSpec):
        return answered_in_text(spec, tasks)
    if spec.include is None or tasks is None:
        own = [file for task in spec.tasks if (file := installed_task_file(task)) is not None]
        return any(_WRITTEN in file.read_bytes() for file in own)
    texts = (file.read_bytes() for file in tasks.rglob("*.yaml"))
    return any(_WRITTEN in text and any(task.encode() in text for task in spec.tasks) for text in texts)


def _output_types(task: object, files: Callable[[str], Path | None], above: frozenset[str]) -> Iterator[str]:
    """`output_type` of a task, or of each task of a group, as far as files say it."""
    if isinstance(task, dict):
        keys, name = task, str(task.get("task"))
        if "output_type" not in keys and not isinstance(keys.get("task"), list):
            task = name
    if isinstance(task, str):
        file = None if task in above else files(task)
        if file is None:
            return
        keys, name = merged_keys(file), task
    elif not isinstance(task, dict):
        return
    if isinstance(keys.get("task"), list):
        for member in keys["task"]:
            yield from _output_types(member, files, above | {name})
    elif isinstance(kind := keys.get("output_type"), str):
        yield kind
