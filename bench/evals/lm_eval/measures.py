"""lm-eval's samples as this program's scores: one row per example, one measure per metric.

Contract: a measure's value is what lm-eval's own aggregation gives over the examples that could be scored, so it equals
lm-eval's figure where none is missing. A metric that is a mean over examples has its per-example values in the rows;
one that is computed over the whole corpus (BLEU, F1 over a class, perplexity) has none, and says so in `per_example`.
Of perplexities and of IFEval's rates over instructions each row keeps what it adds to the two sums behind them.
Bits per byte is a mean weighted by bytes, so its rows carry that weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from lm_eval.api.metrics import bits_per_byte, mean, nanmean, perplexity, weighted_perplexity
from lm_eval.api.task import Task

from bench.record.results.evaluation import Measure, ScoreRow
from bench.stats.samples.corpus_metrics import corpus_metric, rate
from bench.text import slice_values

_OPTION_LENGTH: dict[str, Callable[[str], int]] = {
    "acc": lambda _: 1,
    "acc_norm": len,
    "acc_bytes": lambda option: len(option.encode()),
    "acc_mutual_info": lambda _: 1,
}
"""By what lm-eval divides an option's log-probability before it chooses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Metric:
    """One metric after one of the task's filters."""

    name: str
    key: str
    """In lm-eval's samples."""
    filter: str
    aggregate: Callable[[list[Any]], float]
    higher_is_better: bool

    @property
    def per_example(self) -> bool:
        return self.aggregate in (mean, nanmean, bits_per_byte, np.mean)

    def score(self, sample: Mapping[str, Any] | None) -> float | None:
        """Score of one example; `None` where it has none."""
        value = None if sample is None else sample.get(self.key)
        if self.aggregate is bits_per_byte and value is not None:
            logprob, size = value
            value = -logprob / size / math.log(2) if size else None
        return float(value) if isinstance(value, Real | np.bool_) and math.isfinite(value) else None

    def adds(self, sample: Mapping[str, Any] | None) -> tuple[float, float] | None:
        """The example's share of the two sums behind a corpus metric; `None` for a metric without known sums."""
        metric, value = corpus_metric(self.name), None if sample is None else sample.get(self.key)
        if self.per_example or metric is None or value is None:
            return None
        if metric.of_sums is rate and isinstance(value, list):
            return float(sum(map(bool, value))), float(len(value))
        if self.aggregate is perplexity and isinstance(value, Real):
            return float(value), 1.0
        if self.aggregate is weighted_perplexity and isinstance(value, tuple):
            return float(value[0]), float(value[1])
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScores:
    """All of one task."""

    rows: tuple[ScoreRow, ...]
    measures: tuple[Measure, ...]
    filters: tuple[tuple[str, str], ...]
    """lm-eval's names of metric and filter, one pair per measure."""


def read_samples(
    task: Task,
    samples: Sequence[Mapping[str, Any]],
    *,
    failed: Mapping[int, str],
    unscored: Mapping[int, str],
    headline: str | None,
    slices: Sequence[str] = (),
) -> TaskScores:
    """Rows and measures of one task.

    `samples` are lm-eval's logged samples, one per document and filter. `failed` and `unscored` say by document why
    the model gave nothing for it, and why the task could not score what the model gave. `headline` names the leading
    metric; default: the first with per-example scores that the task lists. `slices` are fields of the documents whose
    values the rows keep.
    Raises `ValueError` where the task has no metric of that name.
    """
    metrics = _metrics(task, samples)
    leading = _leading(metrics, headline, task.task_name)
    examples = _by_document(samples, failed)
    return TaskScores(
        rows=tuple(_rows(task, metrics, leading, examples, reasons={**unscored, **failed}, slices=slices)),
        measures=tuple(_measure(task, metric, metric is leading, examples) for metric in metrics),
        filters=tuple((metric.key, metric.filter) for metric in metrics),
    )


_INVALID = "[invalid]"
"""lm-eval's word for an answer in which its filter found nothing."""
DocumentSamples = tuple[Mapping[str, Any], dict[str, Mapping[str, Any]]]
"""Any sample of a document, and its scored samples by filter: none where it failed."""


def _by_document(samples: Sequence[Mapping[str, Any]], failed: Collection[int]) -> list[DocumentSamples]:
    documents: dict[int, DocumentSamples] = {}
    for sample in samples:
        by_filter = documents.setdefault(sample["doc_id"], (sample, {}))[1]
        if sample["doc_id"] not in failed:
            by_filter[sample["filter"]] = sample
    return [documents[document] for document in sorted(documents)]


def _metrics(task: Task, samples: Sequence[Mapping[str, Any]]) -> list[_Metric]:
    """The task's metrics in its own order, then any that only its samples know."""
    listed = dict.fromkeys(task.higher_is_better())
    produced = dict.fromkeys(key for sample in samples for key in sample["metrics"])
    keys = [key for key in listed if key in produced] + [key for key in produced if key not in listed]
    filters = list(dict.fromkeys(sample["filter"] for sample in samples))
    return [
        _Metric(
            name=key if len(filters) == 1 else f"{key}:{filter_}",
            key=key,
            filter=filter_,
            aggregate=task.aggregation().get(key, mean),
            higher_is_better=task.higher_is_better().get(key) is not False,
        )
        for key in keys or listed
        for filter_ in filters
    ]


def _leading(metrics: Sequence[_Metric], headline: str | None, task: str) -> _Metric | None:
    if headline is None:
        return next((metric for metric in metrics if metric.per_example), metrics[0] if metrics else None)
    for metric in metrics:
        if headline in (metric.name, metric.key):
            return metric
    raise ValueError(f"task {task} has no metric {headline!r}; it has " + ", ".join(m.name for m in metrics))


def _measure(task: Task, metric: _Metric, leads: bool, examples: Sequence[DocumentSamples]) -> Measure:
    samples = [by_filter.get(metric.filter) for _, by_filter in examples]
    if metric.per_example:
        scored = [sample for sample in samples if metric.score(sample) is not None]
    else:
        scored = [sample for sample in samples if sample is not None and metric.key in sample]
    value = float(metric.aggregate([sample[metric.key] for sample in scored if sample is not None])) if scored else None
    binary = metric.per_example and bool(scored) and all(metric.score(sample) in (0.0, 1.0) for sample in scored)
    return Measure(
        task=task.task_name,
        metric=metric.name,
        value=value if value is not None and math.isfinite(value) else None,
        n=len(scored),
        missing=len(examples) - len(scored),
        higher_is_better=metric.higher_is_better,
        binary=binary,
        chance=_chance(task, metric, examples, binary=binary),
        headline=leads,
        per_example=metric.per_example,
    )


def _chance(task: Task, metric: _Metric, examples: Sequence[DocumentSamples], *, binary: bool) -> float | None:
    """What guessing gets: the task's `metadata.chance` (a number, or one per metric), else by the kind of task."""
    stated = _metadata(task).get("chance")
    if isinstance(stated, Mapping):
        stated = stated.get(metric.key)
    if isinstance(stated, Real):
        return float(stated)
    if task.OUTPUT_TYPE == "multiple_choice":
        if metric.key not in _OPTION_LENGTH or not examples:
            return None
        if task.get_config("process_results") is not None and not binary:
            return _even_share(examples)
        return sum(_guess(task, sample) for sample, _ in examples) / len(examples)
    guessable = task.OUTPUT_TYPE in ("generate_until", "loglikelihood")
    return 0.0 if guessable and metric.per_example and metric.higher_is_better else None


def _even_share(examples: Sequence[DocumentSamples]) -> float | None:
    """What TruthfulQA's MC2 (Lin et al. 2022), the true options' share of the probability, is where all options are
    equally likely; `None` for any other scoring that a task brings along."""
    labels = [sample["doc"].get("mc2_targets", {}).get("labels") for sample, _ in examples]
    return float(np.mean([np.mean(options) for options in labels])) if labels and all(labels) else None


def _guess(task: Task, sample: Mapping[str, Any]) -> float:
    """Chance to hit a right option of one example."""
    right = sample["target"] if isinstance(sample["target"], list) else [sample["target"]]
    return len(set(map(str, right))) / len(task.doc_to_choice(sample["doc"]))


def _rows(
    task: Task,
    metrics: Sequence[_Metric],
    leading: _Metric | None,
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
    return _field(document, str(_metadata(task).get("cluster", "cluster")))


def _metadata(task: Task) -> Mapping[str, Any]:
    metadata = task.get_config("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _field(document: Any, name: str) -> str | None:
    value = document.get(name) if isinstance(document, Mapping) else None
    return None if value is None else str(value)


def _weight(metrics: Sequence[_Metric], sample: Mapping[str, Any]) -> float:
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
        options = task.doc_to_choice(sample["doc"])
        right = target if isinstance(target, list) else [target]
        return " | ".join(options[t] if isinstance(t, int) and 0 <= t < len(options) else str(t) for t in right)
    return " | ".join(map(str, target)) if isinstance(target, list) else str(target)


def _unread(task: Task, by_filter: Mapping[str, Mapping[str, Any]], leading: _Metric | None) -> bool:
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


def _output(task: Task, sample: Mapping[str, Any], leading: _Metric | None) -> str | None:
    """The generated text, or the option that the leading metric takes as chosen."""
    if task.OUTPUT_TYPE == "generate_until":
        return str(sample["resps"][0][0])
    if task.OUTPUT_TYPE != "multiple_choice":
        return None
    options = task.doc_to_choice(sample["doc"])
    length = _OPTION_LENGTH.get(leading.key if leading else "acc", _OPTION_LENGTH["acc"])
    logprobs = [response[0][0] for response in sample["resps"]]
    values = [logprob / (length(option) or 1) for logprob, option in zip(logprobs, options, strict=False)]
    if leading is not None and leading.key == "acc_mutual_info":
        values = [given - alone for given, alone in zip(logprobs, logprobs[len(options) :], strict=False)]
    return str(options[int(np.argmax(values))])
