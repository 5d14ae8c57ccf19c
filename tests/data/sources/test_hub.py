"""Hub data: fetched once and pinned; a hub that is away, a wrong id and a gate are told apart."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from bench.data.resolve import resolve_data
from bench.data.store import load_rows
from bench.suite.tables.data import DataSpec
from tests.fakes.hub import COMMIT, CONVERTED_COMMIT, FakeHub

ROWS = [{"instruction": f"Do {n}.", "input": "", "output": f"Done {n}."} for n in range(5)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()

FETCH = """
import json, sys
from pathlib import Path
from bench.data.sources.hub import fetch
from bench.errors import InputError
from bench.suite.tables.data import DataSpec
for spec in json.loads(sys.argv[1]):
    try:
        print(json.dumps({"path": str(fetch(DataSpec(**spec), home=Path(sys.argv[2])))}))
    except InputError as error:
        problem = error.problems[0]
        print(json.dumps({"reference": problem.reference, "what": problem.what, "hint": problem.hint}))
"""


def _fetch(specs: Sequence[Mapping[str, Any]], home: Path, endpoint: str, **environment: str) -> list[dict[str, str]]:
    """In a process of its own: the hub's address is read when its library is imported."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    extra = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1", **environment}
    done = subprocess.run(
        [sys.executable, "-c", FETCH, json.dumps(specs), str(home)],
        env={**kept, **extra},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def _parquet() -> bytes:
    pyarrow.parquet.write_table(pa.Table.from_pylist(ROWS[:3]), buffer := io.BytesIO())
    return buffer.getvalue()


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    repos = {
        "org/toy": {"README.md": b"", "data/train.jsonl": LINES},
        "org/locked": {"train.jsonl": LINES},
        "org/closed": {"train.jsonl": LINES},
        "org/script": {"script.py": b"raise SystemExit", "README.md": b""},
        "org/old": {"old.py": b"raise SystemExit", "README.md": b""},
    }
    converted = {"org/old": {"default/train/0000.parquet": _parquet()}}
    closed = frozenset({"org/closed"})
    with FakeHub(repos, gated=frozenset({"org/locked"}), converted=converted, closed=closed) as hub:
        yield hub


def test_hub_data_is_fetched_once_pinned_and_used_again_offline(tmp_path: Path, hub: FakeHub) -> None:
    hub.requests.clear()
    first, again = _fetch([{"source": "org/toy"}] * 2, tmp_path, hub.url)
    assert first == again
    downloads = [request for request in hub.requests if request.startswith("GET") and "train.jsonl" in request]
    assert len(downloads) == 1
    [offline] = _fetch([{"source": "org/toy"}], tmp_path, hub.url, HF_HUB_OFFLINE="1")
    assert offline == first
    data = resolve_data(
        {"a": DataSpec(source="org/toy")}, base=tmp_path, home=tmp_path, fetched={"a": Path(first["path"])}
    )["a"]
    assert (data.rows, data.revision) == (5, COMMIT)
    assert [row.answer for row in load_rows(data.path)] == [row["output"] for row in ROWS]


def test_what_the_hub_refuses_is_told_apart(tmp_path: Path, hub: FakeHub) -> None:
    specs = {
        "hub.unknown": {"source": "org/none"},
        "hub.gated": {"source": "org/locked"},
        "hub.revision": {"source": "org/toy", "revision": "nope"},
        "hub.split": {"source": "org/toy", "split": "test"},
        "hub.config": {"source": "org/toy", "config": "other"},
        "hub.not-data": {"source": "org/script"},
        "hub.refused": {"source": "org/closed"},
    }
    told = _fetch(list(specs.values()), tmp_path, hub.url)
    assert [item["reference"] for item in told] == list(specs)
    assert all(item["hint"] for item in told)
    assert "HF_TOKEN" in told[1]["hint"]
    assert list((tmp_path / "data").rglob("*.parquet")) == []


def test_a_data_set_with_a_script_is_read_from_the_hubs_parquet_copy(tmp_path: Path, hub: FakeHub) -> None:
    [got] = _fetch([{"source": "org/old"}], tmp_path, hub.url)
    assert pyarrow.parquet.read_table(got["path"]).to_pylist() == ROWS[:3]
    assert json.loads(Path(got["path"]).with_suffix(".note.json").read_text())["revision"] == CONVERTED_COMMIT


@pytest.mark.parametrize("offline", ["0", "1"])
def test_a_hub_that_is_away_is_told_as_such(tmp_path: Path, offline: str) -> None:
    [told] = _fetch([{"source": "org/toy"}], tmp_path, "http://127.0.0.1:9", HF_HUB_OFFLINE=offline)
    assert told["reference"] == "hub.unreachable"
    assert "--set data.NAME.source=FILE" in told["hint"]
