"""What guessing gets on a task."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from lm_eval.api.task import Task

from bench.evals.lm_eval.samples.by_document import DocumentSamples, metadata_of
from bench.evals.lm_eval.samples.metric import OPTION_LENGTH, TaskMetric


def chance_of(task: Task, metric: TaskMetric, examples: Sequence[DocumentSamples], *, binary: bool) -> float | None:
    """What guessing gets: the task's `metadata.chance` (a number, or one per metric), else by the kind of task."""
    stated = metadata_of(task).get("chance")
    if isinstance(stated, Mapping):
        stated = stated.get(metric.key)
    if isinstance(stated, Real):
        return float(stated)
    if task.OUTPUT_TYPE == "multiple_choice":
        if metric.key not in OPTION_LENGTH or not examples:
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
