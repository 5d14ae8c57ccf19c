"""A run in lm-eval's own files: `results.json` and `samples_TASK.jsonl`, in a folder for each subject.

Contract: what lm-eval 0.4 writes with `--output_path` and `--log_samples`, as far as the run knows it: keys such as
`acc,none`; standard errors are `N/A`, as lm-eval has them where it computes none. Texts are the run's. Beside lm-eval's
own keys a sample has its `weight` in the mean: the supervised tokens of a loss.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.atomic import write_text
from bench.record.record import EvaluationRecord, Record
from bench.record.results.evals.evaluation import Measure, ScoreRow
from bench.record.rundir import file_name
from bench.report.analysis.aligned.score_rows import ScoreRows
from bench.report.analysis.run_facts.subjects import evaluations_of

_FILTER = "none"


def write_lm_eval(record: Record, rows: ScoreRows, folder: Path) -> list[Path]:
    """Write every subject's files below `folder`, and return the paths of their results."""
    written = []
    for subject in dict.fromkeys(evaluation.subject for evaluation in record.evaluations):
        evaluations = [e for e in evaluations_of(record, subject) if e.result is not None]
        if not evaluations:
            continue
        place = folder / file_name(subject)
        place.mkdir(parents=True, exist_ok=True)
        path = place / "results.json"
        write_text(path, json.dumps(results_of(record, subject, evaluations), indent=2, ensure_ascii=False) + "\n")
        for evaluation in evaluations:
            for task, samples in _samples(evaluation, rows.get((evaluation.eval, subject), ())):
                lines = "".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples)
                write_text(place / f"samples_{file_name(task)}.jsonl", lines)
        written.append(path)
    return written


def results_of(record: Record, subject: str, evaluations: Sequence[EvaluationRecord]) -> dict[str, Any]:
    """One subject's `results.json`."""
    measures = [measure for e in evaluations if e.result is not None for measure in e.result.measures]
    tasks = list(dict.fromkeys(measure.task for measure in measures))
    by_task = {task: [measure for measure in measures if measure.task == task] for task in tasks}
    versions = {
        task: version for e in evaluations if e.result is not None for task, version in e.result.versions.items()
    }
    return {
        "results": {task: {"alias": task, **_values(by_task[task])} for task in tasks},
        "group_subtasks": {task: [] for task in tasks},
        "configs": {task: {"task": task} for task in tasks},
        "versions": versions,
        "n-shot": {},
        "higher_is_better": {task: {m.metric: m.higher_is_better for m in by_task[task]} for task in tasks},
        "n-samples": {task: _counts(by_task[task][0]) for task in tasks},
        "config": {"model": "sft-bench", "model_args": f"suite={record.resolved.suite.name},subject={subject}"},
        "git_hash": None if record.git is None else record.git.commit,
        "model_name": subject,
    }


def _values(measures: Sequence[Measure]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for measure in measures:
        values[f"{measure.metric},{_FILTER}"] = "N/A" if measure.value is None else measure.value
        values[f"{measure.metric}_stderr,{_FILTER}"] = "N/A"
    return values


def _counts(measure: Measure) -> dict[str, int]:
    return {"original": measure.n + measure.missing, "effective": measure.n}


def _samples(evaluation: EvaluationRecord, rows: Sequence[ScoreRow]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for task in dict.fromkeys(row.task for row in rows):
        yield task, [_sample(row, index) for index, row in enumerate(row for row in rows if row.task == task)]


def _sample(row: ScoreRow, index: int) -> dict[str, Any]:
    return {
        "doc_id": index,
        "doc": {"id": row.id, "question": row.question or row.prompt},
        "target": row.target or "",
        "arguments": {"gen_args_0": {"arg_0": row.prompt}},
        "resps": [[row.output or ""]],
        "filtered_resps": [row.output or ""],
        "filter": _FILTER,
        "weight": row.weight,
        "metrics": list(row.metrics),
        **row.metrics,
    }
