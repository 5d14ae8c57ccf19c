"""Rows of a task's examples: scores, prompt, target and answer, as the report shows them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from lm_eval.api.metrics import bits_per_byte
from lm_eval.api.task import Task

from bench.evals.lm_eval.samples.by_document import DocumentSamples, metadata_of
from bench.evals.lm_eval.samples.metric import OPTION_LENGTH, TaskMetric
from bench.record.results.evals.evaluation import ScoreRow
from bench.text import slice_values

_INVALID = "[invalid]"
"""lm-eval's word for an answer in which its filter found nothing."""


def score_rows(
    task: Task,
    metrics: Sequence[TaskMetric],
    leading: TaskMetric | None,
    examples: Sequence[DocumentSamples],
    *,
    reasons: Mapping[int, str],
    slices: Sequence[str],
) -> list[ScoreRow]:
    ids = _ids([sample for sample, _ in examples])
    return [
        ScoreRow(
            task=task.task_name,
            id=id_,
            metrics={m.name: m.score(by_filter.get(m.filter)) for m in metrics if m.per_example},
            statistics={m.name: added for m in metrics if (added := m.adds(by_filter.get(m.filter))) is not None},
            weight=_weight(metrics, sample),
            cluster=cluster_of(task, sample["doc"]),
            prompt=str(sample["arguments"][0][0]),
            question=_question(task, sample),
            target=_target(task, sample),
            options=_options(task, sample),
            output=_output(task, sample, leading) if by_filter else None,
            unread=_unread(task, by_filter, leading),
            slices={name: values for name in slices if (values := slice_values(sample["doc"], name))},
            unscored=reasons.get(sample["doc_id"]),
        )
        for id_, (sample, by_filter) in zip(ids, examples, strict=True)
    ]


def _ids(samples: Sequence[Mapping[str, Any]]) -> list[str]:
    """The documents' `id` field where all have one and no two are equal, else the documents' numbers."""
    ids = [_field(sample["doc"], "id") for sample in samples]
    if None not in ids and len(set(ids)) == len(ids):
        return [str(id_) for id_ in ids]
    return [str(sample["doc_id"]) for sample in samples]


def cluster_of(task: Task, document: Any) -> str | None:
    """Label of the documents that are not independent of this one, by the field that the task names."""
    return _field(document, str(metadata_of(task).get("cluster", "cluster")))


def _field(document: Any, name: str) -> str | None:
    value = document.get(name) if isinstance(document, Mapping) else None
    return None if value is None else str(value)


def _weight(metrics: Sequence[TaskMetric], sample: Mapping[str, Any]) -> float:
    """Bytes where bits per byte are measured, else 1."""
    for metric in metrics:
        if metric.aggregate is bits_per_byte and sample.get(metric.key) is not None:
            return float(sample[metric.key][1])
    return 1.0


def _question(task: Task, sample: Mapping[str, Any]) -> str | None:
    """The text that the task makes of the document, without template and few-shot examples."""
    text = task.doc_to_text(sample["doc"])
    return text if isinstance(text, str) and text.strip() else None


def _target(task: Task, sample: Mapping[str, Any]) -> str | None:
    """The expected answer; `None` where the task has none: IFEval's configured target is the number 0."""
    target = sample["target"]
    if task.OUTPUT_TYPE == "loglikelihood_rolling" or target is None:
        return None
    if task.OUTPUT_TYPE == "generate_until" and isinstance(task.get_config("doc_to_target"), int):
        return None
    if task.OUTPUT_TYPE == "multiple_choice":
        options = _options(task, sample)
        right = target if isinstance(target, list) else [target]
        return " | ".join(options[t] if isinstance(t, int) and 0 <= t < len(options) else str(t) for t in right)
    return " | ".join(map(str, target)) if isinstance(target, list) else str(target)


def _options(task: Task, sample: Mapping[str, Any]) -> tuple[str, ...]:
    """The texts between which a task chooses; empty of any other task."""
    return tuple(map(str, task.doc_to_choice(sample["doc"]))) if task.OUTPUT_TYPE == "multiple_choice" else ()


def _unread(task: Task, by_filter: Mapping[str, Mapping[str, Any]], leading: TaskMetric | None) -> bool:
    """Whether the leading metric's filter, or each where none leads, took nothing from the written answers."""
    if task.OUTPUT_TYPE != "generate_until" or not by_filter:
        return False
    asked = [by_filter[leading.filter]] if leading is not None and leading.filter in by_filter else by_filter.values()
    taken = [text for sample in asked for text in _texts(sample["filtered_resps"])]
    return all(text.strip() in ("", _INVALID) for text in taken)


def _texts(value: Any) -> Iterator[str]:
    """Texts of a filter's result: one for each answer, or several."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    else:
        yield str(value)


def _output(task: Task, sample: Mapping[str, Any], leading: TaskMetric | None) -> str | None:
    """The generated text, or the option that the leading metric takes as chosen."""
    if task.OUTPUT_TYPE == "generate_until":
        return str(sample["resps"][0][0])
    if task.OUTPUT_TYPE != "multiple_choice":
        return None
    options = _options(task, sample)
    length = OPTION_LENGTH.get(leading.key if leading else "acc", OPTION_LENGTH["acc"])
    logprobs = [response[0][0] for response in sample["resps"]]
    values = [logprob / (length(option) or 1) for logprob, option in zip(logprobs, options, strict=False)]
    if leading is not None and leading.key == "acc_mutual_info":
        values = [given - alone for given, alone in zip(logprobs, logprobs[len(options) :], strict=False)]
    return options[int(np.argmax(values))]
