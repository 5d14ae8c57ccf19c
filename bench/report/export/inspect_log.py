"""A run as Inspect's logs: one JSON log for each subject and eval, which `inspect view` shows.

Contract: version 2 of Inspect's log, with the samples' ids, inputs, targets, outputs and scores of the run. A sample
without a score has none here either. The files' names are as Inspect's (`log_file_pattern` in its `log/_file.py`): it
finds no other JSON in a folder.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.atomic import write_text
from bench.digest import digest_json
from bench.record.record import EvaluationRecord, Record
from bench.record.results.evals.evaluation import ScoreRow
from bench.record.rundir import file_name
from bench.report.analysis.aligned.score_rows import ScoreRows

_VERSION = 2


def write_inspect(record: Record, rows: ScoreRows, folder: Path) -> list[Path]:
    """Write `TIME_EVAL_SUBJECT_ID.json` for each evaluation with scores, and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for evaluation in record.evaluations:
        scored = rows.get((evaluation.eval, evaluation.subject), ())
        if evaluation.result is not None and scored:
            log = inspect_log(record, evaluation, scored)
            parts = (log["eval"]["created"][:19], *(log["eval"][key] for key in ("task", "model", "eval_id")))
            path = folder / ("_".join(file_name(part).replace("_", "-") for part in parts) + ".json")
            write_text(path, json.dumps(log, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
            written.append(path)
    return written


def inspect_log(record: Record, evaluation: EvaluationRecord, rows: Sequence[ScoreRow]) -> dict[str, Any]:
    """One log."""
    result = evaluation.result
    assert result is not None, "only evaluations with a result are written"
    identity = digest_json([record.digest, evaluation.eval, evaluation.subject])[:22]
    started = evaluation.job.started or record.created
    scores = [
        {
            "name": measure.metric,
            "scorer": measure.metric,
            "scored_samples": measure.n,
            "unscored_samples": measure.missing,
            "params": {},
            "metrics": {"mean": {"name": "mean", "value": measure.value, "params": {}}},
        }
        for measure in result.measures
        if measure.value is not None
    ]
    return {
        "version": _VERSION,
        "status": "success",
        "eval": {
            "run_id": record.digest[:22],
            "eval_id": identity,
            "created": started,
            "task": evaluation.eval,
            "task_id": identity,
            "task_version": 0,
            "dataset": {"name": evaluation.eval, "samples": len(rows), "sample_ids": [_id(row) for row in rows]},
            "model": f"sft-bench/{evaluation.subject}",
            "config": {},
        },
        "plan": {"name": "plan", "steps": [], "config": {}},
        "results": {"total_samples": len(rows), "completed_samples": len(rows), "scores": scores},
        "stats": {"started_at": started, "completed_at": record.finished or started, "model_usage": {}},
        "samples": [_sample(row, evaluation.subject) for row in rows],
    }


def _id(row: ScoreRow) -> str:
    return f"{row.task}/{row.id}"


def _sample(row: ScoreRow, subject: str) -> dict[str, Any]:
    answer = row.output or ""
    message = {"role": "assistant", "content": answer, "source": "generate"}
    return {
        "id": _id(row),
        "epoch": 1,
        "input": row.question or row.prompt,
        **({"choices": list(row.options)} if row.options else {}),
        "target": row.target or "",
        "messages": [{"role": "user", "content": row.question or row.prompt}, message],
        "output": {"model": subject, "choices": [{"message": message, "stop_reason": "stop"}], "completion": answer},
        "scores": {
            name: {"value": value, "answer": answer} for name, value in row.metrics.items() if value is not None
        },
        "metadata": {"cluster": row.cluster, "weight": row.weight},
    }
