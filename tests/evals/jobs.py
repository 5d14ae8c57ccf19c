"""Eval jobs over tiny checkpoints and task files in a folder."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bench.evals.job import run_eval
from bench.record.files import SCORES
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import EvalResult, ScoreRow
from bench.suite.resolved import ResolvedData, ResolvedModel

WORDS = (
    "the", "baker", "farmer", "weaver", "river", "town", "cow", "sheep", "lives", "near", "small", "seven", "three",
    "answer", "question", "count",
)  # fmt: skip


def evaluate(job: EvalJob, folder: Path) -> tuple[EvalResult, list[ScoreRow]]:
    """Runs a job in `folder` and reads its scores back."""
    result = run_eval(job, folder, lambda _: None)
    lines = (folder / SCORES).read_text(encoding="utf-8").splitlines()
    return result, [ScoreRow.model_validate_json(line) for line in lines]


def resolved_model(path: Path, **changes: Any) -> ResolvedModel:
    """A checkpoint folder as a resolved model."""
    fields: dict[str, Any] = {
        "name": "tiny",
        "source": "path:tiny",
        "revision": None,
        "path": str(path),
        "sha256": "0" * 64,
        "context_length": 256,
        "parameters": None,
        "template": "dialogue",
        "template_sha256": None,
        "end_of_turn": None,
        "lora_target_modules": "all-linear",
        "simulation": None,
    }
    return ResolvedModel.model_validate({**fields, **changes})


def lm_eval_job(model: ResolvedModel, folder: Path | None, tasks: Sequence[str], **changes: Any) -> EvalJob:
    """A job over lm-eval tasks; keys of the eval's spec among `changes` go there."""
    spec = {"kind": "lm_eval", "name": "e", "tasks": tuple(tasks)}
    spec |= {
        key: changes.pop(key)
        for key in ("num_fewshot", "limit", "metric", "template", "slices", "rows", "max_new_tokens")
        if key in changes
    }
    return _job(model, spec, tasks_path=None if folder is None else str(folder), **changes)


def loss_job(model: ResolvedModel, rows: Path, count: int, **changes: Any) -> EvalJob:
    """A job over held-out rows that are stored already; keys of the eval's spec among `changes` go there."""
    spec = {"kind": "loss", "name": "heldout", "data": {"source": "x.jsonl"}}
    spec |= {key: changes.pop(key) for key in ("slices", "cluster") if key in changes}
    return _job(model, spec, data=_stored(rows, count), **changes)


def generation_job(model: ResolvedModel, rows: Path, count: int, **changes: Any) -> EvalJob:
    """A job that asks prompts which are stored already; keys of the eval's spec among `changes` go there."""
    keys = (
        "metrics",
        "hub_metrics",
        "metric",
        "pass_at",
        "majority",
        "decoding",
        "format",
        "template",
        "slices",
        "cluster",
    )
    spec = {"kind": "generation", "name": "g", "data": {"source": "x.jsonl"}}
    spec |= {key: changes.pop(key) for key in keys if key in changes}
    return _job(model, spec, data=_stored(rows, count), **changes)


def questions_job(model: ResolvedModel, rows: Path | None = None, count: int = 0, **changes: Any) -> EvalJob:
    """A job over stored questions, or over those given as `questions`."""
    spec: dict[str, Any] = {"kind": "questions", "name": "q"}
    spec |= {key: changes.pop(key) for key in ("questions", "decoding", "template") if key in changes}
    if rows is None:
        return _job(model, spec, **changes)
    return _job(model, {**spec, "data": {"source": "x.jsonl"}}, data=_stored(rows, count), **changes)


def _stored(rows: Path, count: int) -> ResolvedData:
    return ResolvedData(
        name="eval:x",
        source="x.jsonl",
        revision=None,
        rows=count,
        source_rows=count,
        dropped={},
        sha256="0" * 64,
        path=str(rows),
    )


def _job(model: ResolvedModel, spec: Mapping[str, Any], **changes: Any) -> EvalJob:
    fields: dict[str, Any] = {
        "subject": "base",
        "eval": spec,
        "model": model,
        "data": None,
        "tasks_path": None,
        "training": None,
        "training_path": None,
        "precision": "fp32",
        "threads": 1,
        "digest": "d",
    }
    return EvalJob.model_validate({**fields, **changes})


def write_task(folder: Path, name: str, rows: Sequence[Mapping[str, Any]], **config: Any) -> Path:
    """A task file with its rows as JSON Lines beside it, named relatively."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    fields = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": f"{name}.jsonl"}},
        "test_split": "test",
        "metadata": {"version": 1.0},
        **config,
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(fields, sort_keys=False), encoding="utf-8")
    return path


def metric(name: str, aggregation: str = "mean", *, higher: bool = True) -> dict[str, Any]:
    """One entry of a task's `metric_list`."""
    return {"metric": name, "aggregation": aggregation, "higher_is_better": higher}


def sentence(number: int, length: int) -> str:
    """A deterministic sentence of `length` words."""
    return " ".join(WORDS[(number * 7 + i * i + i * number) % len(WORDS)] for i in range(length))


def choice_rows(count: int) -> list[dict[str, Any]]:
    """Questions with three to five choices of one to five words."""
    return [
        {
            "id": f"q{n}",
            "question": f"{sentence(n, 3 + n % 9)}?",
            "label": n % 3,
            "choices": [sentence(n * 5 + c, 1 + (n + c) % 5) + "." for c in range(3 + n % 3)],
        }
        for n in range(count)
    ]


def write_choice(folder: Path, name: str = "choice", count: int = 40, **config: Any) -> Path:
    """A multiple-choice task."""
    fields = {
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "choices",
        "doc_to_target": "label",
        "metric_list": [metric("acc"), metric("acc_norm")],
        **config,
    }
    return write_task(folder, name, choice_rows(count), **fields)


def write_qa(folder: Path, name: str = "qa", count: int = 25, **config: Any) -> Path:
    """A generation task by exact match."""
    rows = [{"question": sentence(n, 3 + n % 9) + "?", "answer": sentence(n, 1)} for n in range(count)]
    fields = {
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 6, "do_sample": False},
        "metric_list": [metric("exact_match")],
        **config,
    }
    return write_task(folder, name, rows, **fields)
