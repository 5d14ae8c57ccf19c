"""A make file against a loopback server, run as `bench data make` runs it."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.data.resolve import resolve_data
from bench.data.store import load_rows
from bench.making.summary import MakeSummary
from bench.run.commands.make import make_data
from bench.suite.tables.data import DataSpec, Select
from tests.fakes.endpoint_server import Body

Make = Callable[..., tuple[MakeSummary, list[dict[str, Any]]]]

DISTIL = 'kind = "distil"\ntasks = { source = "tasks.jsonl" }\n'
PROMPTS = [{"instruction": f"Say the number {n}."} for n in range(6)]
QUESTIONS = [{"question": f"What is {n} + {n}?", "answer": f"Twice {n}. #### {2 * n}"} for n in range(1, 5)]
SEEDS = [
    {"instruction": "Name three colours of the rainbow.", "input": "", "output": "Red, green and blue."},
    {"instruction": "Translate this into French.", "input": "Good morning.", "output": "Bonjour."},
    {"instruction": "Why is the sky blue?", "input": "", "output": "Air scatters blue light most."},
]


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    """JSON Lines."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def question(body: Body) -> str:
    return str(body["messages"][-1]["content"])


def number(body: Body) -> int:
    return int(re.findall(r"\d+", question(body))[0])


def trained_on(path: Path, tmp_path: Path, **select: Any) -> list[Any]:
    """The rows as a suite reads them."""
    spec = DataSpec(source=str(path), select=Select(**select))
    return list(load_rows(resolve_data({"made": spec}, base=tmp_path, home=tmp_path / "h")["made"].path))


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
