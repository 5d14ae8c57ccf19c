"""Reads the examples of a finished eval."""

from pathlib import Path

from pydantic import ConfigDict, TypeAdapter

from bench.record.results.evals.evaluation import ScoreRow

_rows_adapter = TypeAdapter(list[ScoreRow], config=ConfigDict(defer_build=True))


def read_scores(path: Path) -> list[ScoreRow]:
    """The examples of a `scores.jsonl`, in its order."""
    lines = path.read_bytes().splitlines()
    return _rows_adapter.validate_json(b"[" + b",".join(lines) + b"]")  # twice as fast as line by line
