"""A small suite on a folder that looks like a model, for tests of what stands around the work: no torch at all."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.record.record import Record
from bench.record.rundir import RunDirectory
from bench.run.display import QuietDisplay
from bench.run.process.server import ChildServer
from bench.run.run import run_suite
from bench.suite.load import LoadedSuite
from bench.suite.tables.suite import Suite
from tests.fakes.orders import COUNTED

SERVER = ChildServer(module="tests.fakes.worker")
"""Children whose jobs are instant."""

HELD: dict[str, Any] = {"kind": "loss", "name": "held", "data": {"source": "held.jsonl"}}
"""An eval on rows that ask what four training rows ask; those four are then kept out of training."""


def fake_model(folder: Path, *, parameters: int = 16, seed: int = 0) -> Path:
    """A folder with config, tokenizer file and safetensors of one fp32 vector."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_type": "llama", "max_position_embeddings": 64, "hidden_size": 4, "num_hidden_layers": 1}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    header = json.dumps({"w": {"dtype": "F32", "shape": [parameters], "data_offsets": [0, 4 * parameters]}}).encode()
    weights = bytes([seed]) * (4 * parameters)
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + weights)
    return folder


def fake_rows(path: Path, *, rows: int = 12, answer: str = "a") -> Path:
    """Alpaca rows."""
    lines = [json.dumps({"instruction": f"q{n}", "input": "", "output": f"{answer}{n}"}) for n in range(rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def suite_table(root: Path, **changes: Any) -> dict[str, Any]:
    """Two arms (`few/full`, `few/lora`), two seeds, two evals, files under `root`; `changes` replace top-level keys."""
    fake_model(root / "model")
    fake_rows(root / "few.jsonl")
    fake_rows(root / "held.jsonl", rows=4, answer="h")
    return {
        "name": "fake",
        "question": "Does it run?",
        "seeds": (0, 1),
        "model": {"path": "model"},
        "data": {"few": {"source": "few.jsonl"}},
        "recipe": {
            "full": {"method": "full", "learning_rate": 1e-3},
            "lora": {"method": "lora", "learning_rate": 1e-3},
        },
        "budget": {"unit": "tokens", "amount": 100},
        "arms": {"data": ("few",), "recipe": ("full", "lora")},
        "eval": ({"kind": "lm_eval", "name": "qa", "tasks": ("t",)}, HELD),
        "run": {"workers": 2, "probe_steps": 2, "probe_rounds": 1},
        **changes,
    }


def fake_suite(root: Path, **changes: Any) -> LoadedSuite:
    """`suite_table`, loaded."""
    suite = Suite.model_validate(suite_table(root, **changes))
    return LoadedSuite(suite=suite, profile=None, overrides=(), path=root / "fake.toml", sha256="0" * 64)


def run_below(root: Path, suite: LoadedSuite, **options: Any) -> RunDirectory:
    """A run of `suite` by instant jobs, with its home and its reports below `root`; `options` of `run_suite`."""
    places = {"home": root / "home", "reports": root / "reports"}
    return run_suite(suite, **{**places, "display": QuietDisplay(), "server": SERVER, **options})


def heard_below(root: Path, suite: LoadedSuite, **options: Any) -> tuple[Record, list[str]]:
    """The record of such a run, and the notes that it showed."""
    notes: list[str] = []
    display = QuietDisplay()
    display.note = notes.append  # type: ignore[method-assign]
    return run_below(root, suite, display=display, **options).load(), notes


def go(root: Path, **changes: Any) -> RunDirectory:
    """A run of `fake_suite` with these changes."""
    return run_below(root, fake_suite(root, **changes))


def diary(home: Path) -> Iterator[dict[str, Any]]:
    """What the fake worker's children noted."""
    path = home / "diary.jsonl"
    return iter([json.loads(line) for line in path.read_text().splitlines()] if path.exists() else [])


def worked(home: Path) -> list[str]:
    """Ids of the jobs that were begun, in order."""
    return [line["id"] for line in diary(home) if line["what"] == "begin"]


def counted(home: Path) -> list[str]:
    """Arms whose trainings were counted, in order."""
    path = home / COUNTED
    return path.read_text().splitlines() if path.exists() else []


def scores(record: Record) -> list[tuple[str, str, float | None]]:
    """Every score of a run: eval, subject and value."""
    return [
        (evaluation.eval, evaluation.subject, measure.value)
        for evaluation in record.evaluations
        if evaluation.result is not None
        for measure in evaluation.result.measures
    ]
