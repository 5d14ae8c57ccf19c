"""Judged answers of a subject, by a judge behind a fake server."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.data.render.row import Row, Turn
from bench.evals.job import run_eval
from bench.record.files import RESULT, SCORES
from bench.record.jobs.eval_job import EvalJob, Judging
from bench.record.results.evals.evaluation import EvalResult, ScoreRow
from bench.record.results.evals.score_rows import read_scores
from bench.record.results.training.ledger import Seconds
from bench.suite.catalog.judge_prompt import load_judge_prompt
from bench.suite.resolved import ResolvedData, ResolvedJudge
from bench.suite.tables.evals.judge_measures import WIN_RATE
from tests.evals.jobs import resolved_model
from tests.fakes.endpoint_server import Body

ENDPOINT: dict[str, Any] = {
    "model": "judge",
    "retries": 2,
    "wait_seconds": 0.001,
    "concurrency": 1,
    "price": {"prompt": 1e6, "completion": 0.0},
}


def shown(body: Body) -> tuple[str, str]:
    """Both answers, in the order in which the judge sees them."""
    text = body["messages"][-1]["content"]
    first, second = (re.search(rf"<answer_of_{side}>\n(.*?)\n?</answer_of_{side}>", text, re.DOTALL) for side in "AB")
    return first[1], second[1]


def longer(body: Body) -> str:
    first, second = shown(body)
    return "[[A]]" if len(first) > len(second) else "[[B]]"


def questions(folder: Path, asked: Sequence[str], answers: Sequence[str | None] | None = None) -> ResolvedData:
    """Stored rows with one question each."""
    rows = [
        Row(
            turns=(Turn(role="user", content=text), Turn(role="assistant", content=(answers or {})[at] or "")),  # type: ignore[index]  # a list
            origin=f"x:{at}",
        )
        if answers
        else Row(turns=(Turn(role="user", content=text), Turn(role="assistant", content="")), origin=f"x:{at}")
        for at, text in enumerate(asked)
    ]
    path = folder / f"rows-{len(list(folder.iterdir()))}.jsonl"
    path.write_text("".join(row.model_dump_json() + "\n" for row in rows))
    return ResolvedData(
        name="eval:p", source="x.jsonl", revision=None, rows=len(rows), source_rows=len(rows), dropped={},
        sha256="0" * 64, path=str(path),
    )  # fmt: skip


def answered(folder: Path, outputs: Sequence[str | None]) -> Path:
    """A finished job with these answers."""
    folder.mkdir()
    result = EvalResult(
        measures=(), template="dialogue", precision="fp32", batch="b", generated_tokens=7,
        seconds=Seconds(), peak_process_bytes=None, versions={},
    )  # fmt: skip
    (folder / RESULT).write_text(result.model_dump_json())
    rows = [ScoreRow(task="p", id=str(at), metrics={}, prompt="?", output=text) for at, text in enumerate(outputs, 1)]
    (folder / SCORES).write_text("".join(row.model_dump_json() + "\n" for row in rows))
    return folder


def judge_job(
    folder: Path,
    url: str,
    own: Sequence[str | None],
    other: Sequence[str | None] | None,
    *,
    data: ResolvedData | None = None,
    stored: ResolvedData | None = None,
    endpoint: dict[str, Any] | None = None,
    cluster: str | None = None,
) -> EvalJob:
    """`other`: of the base; without it answers are stored ones. cluster: column of the eval's rows."""
    folder.mkdir(exist_ok=True)
    prompt = load_judge_prompt("pairwise", folder, where="prompt")
    source = {"endpoint": {**ENDPOINT, "base_url": url, **(endpoint or {})}}
    return EvalJob.model_validate(
        {
            "subject": "few/full#0",
            "eval": {
                "kind": "judge", "name": "p", "data": {"source": "x.jsonl"}, "judge": source,
                "against": "reference" if other is None else "base", "cluster": cluster,
            },
            "model": resolved_model(folder),
            "data": data or questions(folder, [f"Question {at}?" for at in range(len(own))]),
            "tasks_path": None, "training": None, "training_path": None, "precision": "fp32", "threads": 1,
            "digest": "d",
            "judging": Judging(
                judge=ResolvedJudge(prompt=prompt.text, prompt_sha256=prompt.sha256),
                answers="own",
                answers_path=str(answered(folder / "own", own)),
                against="x.jsonl" if other is None else "base",
                reference=None if other is None else "own" if other is own else "other",
                reference_path=None if other is None else str(answered(folder / "other", other)),
                stored=stored,
                replies=str(folder / "replies"),
            ),
        }
    )  # fmt: skip


def judged(job: EvalJob, folder: Path) -> tuple[EvalResult, list[ScoreRow]]:
    out = folder / "out"
    out.mkdir(exist_ok=True)
    result = run_eval(job, out, lambda _: None)
    return result, read_scores(out / SCORES)


def scores(rows: Sequence[ScoreRow], metric: str = WIN_RATE) -> list[float | None]:
    return [row.metrics[metric] for row in rows]
