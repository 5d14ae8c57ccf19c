"""`kind = "choice"`: a local file of questions as a task of lm-eval, without a task file.

Contract: the task is lm-eval's `multiple_choice` (or `generate_until` where the model writes the answer), so that
scores, chance levels and measures are those of a task file that says the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import datasets

from bench.emit import Emit
from bench.evals.lm_eval.run import score_tasks
from bench.evals.lm_eval.tasks.documents import keep_part
from bench.evals.lm_eval.tasks.made_once import make_once
from bench.evals.lm_eval.tasks.tasks import Loaded, load_config
from bench.evals.outcome import EvalOutput
from bench.evals.subject.subject import Subject
from bench.record.jobs.eval_job import EvalJob
from bench.suite.checks.data.choice_rows import ChoiceRow, read_choices
from bench.suite.tables.evals.choice import ChoiceSpec
from bench.suite.tables.evals.lm_eval import LmEvalSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceTask:
    """The file's questions as a task that is loaded."""

    spec: LmEvalSpec
    loaded: Loaded
    slices: Mapping[str, dict[str, tuple[str, ...]]]
    """By example."""

    def scored(self, output: EvalOutput) -> EvalOutput:
        """The task's scores, with the values that the suite slices by."""
        rows = tuple(row.model_copy(update={"slices": self.slices[row.id]}) for row in output.rows)
        return replace(output, rows=rows)


def evaluate_choice(job: EvalJob, subject: Subject, emit: Emit) -> EvalOutput:
    """Scores a subject on the file's questions."""
    task = subject.prepared.get("tasks", lambda: choice_task(job))
    return task.scored(score_tasks(task.spec, task.loaded, subject, emit))


def choice_task(job: EvalJob) -> ChoiceTask:
    """The eval's file as a task of lm-eval."""
    spec = job.eval
    assert isinstance(spec, ChoiceSpec), "chosen by kind"
    assert job.tasks_path is not None, "resolved"
    rows = read_choices(spec, Path(job.tasks_path), where=f"eval {spec.name!r}")
    loaded = load_config(_config(spec, rows))
    keep_part(loaded.tasks.values(), job.part)
    make_once(loaded.tasks.values())
    return ChoiceTask(
        spec=LmEvalSpec(
            kind="lm_eval",
            name=spec.name,
            tasks=(spec.name,),
            limit=spec.limit,
            metric=spec.metric,
            template=spec.template,
            strip_thinking=spec.strip_thinking,
            role=spec.role,
        ),
        loaded=loaded,
        slices={row.id: row.slices for row in rows},
    )


def _config(spec: ChoiceSpec, rows: tuple[ChoiceRow, ...]) -> dict[str, Any]:
    """The task as a task file would say it."""
    table = datasets.Dataset.from_list([row.model_dump(mode="json", exclude={"slices"}) for row in rows])
    bare = spec.template == "none"
    common = {
        "task": spec.name,
        "custom_dataset": lambda **_: {"test": table},
        "test_split": "test",
        "doc_to_text": "Question: {{question}}\nAnswer:" if bare else "{{question}}",
        "target_delimiter": " " if bare else "",
        "num_fewshot": 0,
        "metadata": {"version": 1.0},
    }
    if spec.has_options:
        metrics = [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("acc", "acc_norm")]
        options = {"doc_to_choice": "choices", "doc_to_target": "label", "metric_list": metrics}
        return {**common, "output_type": "multiple_choice", **options}
    match = {
        "metric": "exact_match",
        "aggregation": "mean",
        "higher_is_better": True,
        "ignore_case": True,
        "ignore_punctuation": True,
    }
    written = {"until": ["\n"], "max_gen_toks": spec.max_new_tokens, "do_sample": False}
    return {
        **common,
        "output_type": "generate_until",
        "doc_to_target": "answers",
        "generation_kwargs": written,
        "metric_list": [match],
    }
