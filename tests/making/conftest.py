"""A make file against a loopback server, run as `bench data make` runs it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.making.summary import MakeSummary
from bench.run.make import make_data

Make = Callable[..., tuple[MakeSummary, list[dict[str, Any]]]]


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    """JSON Lines."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def bench_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where replies are kept."""
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def make(tmp_path: Path, bench_home: Path) -> Make:
    """Writes `tasks.jsonl` and `make.toml`, makes, and gives the summary and the file's rows."""

    def run(
        text: str, url: str, tasks: Sequence[Mapping[str, Any]], *overrides: str, out: str = "made.jsonl"
    ) -> tuple[MakeSummary, list[dict[str, Any]]]:
        write_lines(tmp_path / "tasks.jsonl", tasks)
        endpoint = f'writer.endpoint = {{ base_url = "{url}", model = "teacher", wait_seconds = 0.001, retries = 2 }}\n'
        (tmp_path / "make.toml").write_text(endpoint + text)
        summary = make_data(str(tmp_path / "make.toml"), out=tmp_path / out, overrides=overrides)
        return summary, read_lines(tmp_path / out)

    return run
