"""Scores of the same job by lm-eval itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lm_eval
import numpy as np
import torch
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from transformers import AutoTokenizer

from bench.evals.lm_eval.lm_eval_private import without_reports
from bench.evals.lm_eval.tasks.tasks import load_tasks
from bench.model.loading.load import load_base
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import EvalResult, ScoreRow
from bench.stats.samples.corpus_metrics import corpus_metric


def reference(job: EvalJob) -> dict[str, Any]:
    """lm-eval with its own transformers model, one example at a time."""
    model = load_base(job.model, precision="fp32", device=torch.device("cpu"))
    tokenizer = AutoTokenizer.from_pretrained(job.model.path)
    assert job.tasks_path is not None
    assert job.eval.kind == "lm_eval"
    tasks = load_tasks(job.eval.tasks, Path(job.tasks_path)).tasks
    lm = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=1, max_length=job.model.context_length)
    with without_reports():
        results = lm_eval.simple_evaluate(
            model=lm,
            tasks=list(tasks.values()),
            task_manager=TaskManager(include_defaults=False),
            bootstrap_iters=0,
            num_fewshot=job.eval.num_fewshot,
            limit=job.eval.limit,
            fewshot_random_seed=1234,
        )
    return dict(results)


def assert_equal(result: EvalResult, rows: Sequence[ScoreRow], expected: Mapping[str, Any]) -> None:
    """Every measure and every example."""
    for measure in result.measures:
        filter_ = next(iter(expected["samples"][measure.task]))["filter"]
        assert measure.value == expected["results"][measure.task][f"{measure.metric},{filter_}"]
        own = [row for row in rows if row.task == measure.task]
        samples = expected["samples"][measure.task]
        assert len(own) == len(samples) == measure.n
        for row, sample in zip(own, samples, strict=True):
            assert row.metrics[measure.metric] == float(sample[measure.metric])


def from_sums(rows: Sequence[ScoreRow], name: str) -> float:
    """A corpus metric from what its rows keep, which its intervals and differences are resampled from."""
    known = corpus_metric(name)
    return float(known.of_sums(np.array([row.statistics[name] for row in rows]).sum(axis=0)))
