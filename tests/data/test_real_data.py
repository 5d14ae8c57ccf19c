"""Published files as their authors left them: counts are those of the publications."""

from pathlib import Path

import pytest

from bench.data.resolve import resolve_data
from bench.data.select.selection import HELD_OUT
from bench.data.sources.read import read
from bench.data.sources.source import Source
from bench.data.sources.table import RowTable
from bench.data.store import load_rows
from bench.errors import InputError, Problem
from bench.run.resolve.data_specs import data_specs
from bench.suite.load import load_suite
from bench.suite.resolved import ResolvedData
from bench.suite.tables.data import DataSpec, Select

FILES = {
    "alpaca/alpaca_data.json": (52_002, {"empty answer": 28}),
    "alpaca/alpaca_1k_longest.json": (1_000, {}),
    "alpagasus/claude_t45.json": (5_305, {"empty answer": 4}),
    "alpagasus/random_9k.json": (9_229, {"empty answer": 4}),
    "arc/arc_easy_test.json": (2_376, {}),
    "gsm8k/train.jsonl": (7_473, {}),
    "gsm8k/test.jsonl": (1_319, {}),
    "lima/lima_1k.jsonl": (1_000, {}),
    "alpaca/seed_tasks.jsonl": (175, {}),
}


@pytest.fixture(scope="module")
def found(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ResolvedData]:
    """All files, read once."""
    specs = {name: DataSpec(source=name) for name in FILES}
    return resolve_data(specs, base=shared_dir / "data", home=tmp_path_factory.mktemp("home"))


def test_published_files_are_read_whole(found: dict[str, ResolvedData]) -> None:
    for name, (rows, dropped) in FILES.items():
        data = found[name]
        assert (data.source_rows, data.dropped) == (rows, dropped)
        assert data.rows == rows - sum(dropped.values()) == len(load_rows(data.path))


@pytest.mark.parametrize(
    ("tutorial", "data", "rows"), [("distilgpt2_alpaca", "alpaca", 52_002), ("gpt2_alpaca_cleaned", "cleaned", 1_000)]
)
def test_the_tutorials_train_on_the_published_rows(
    shared_dir: Path, tmp_path: Path, tutorial: str, data: str, rows: int
) -> None:
    """From the first on, with none passed over: no prompt that an eval of the suite asks is one of theirs."""
    source = shared_dir / "data/alpaca/alpaca_data.json"
    loaded = load_suite(f"tutorials/{tutorial}", overrides=[f"data.{data}.source={source}"])
    found = resolve_data(data_specs(loaded.suite), base=loaded.path.parent, home=tmp_path)[data]
    assert (found.rows, found.dropped) == (rows, {})
    stored = load_rows(found.path)
    assert [stored[at].origin.partition(":")[2] for at in (0, rows - 1)] == ["1", str(rows)]
    assert stored[0].prompt[0].content == "Give three tips for staying healthy."


def test_rows_say_what_the_files_say(found: dict[str, ResolvedData]) -> None:
    names = ("alpaca/alpaca_data.json", "gsm8k/test.jsonl", "lima/lima_1k.jsonl", "alpaca/alpaca_1k_longest.json")
    alpaca, gsm8k, lima, longest = (load_rows(found[name].path) for name in names)
    assert alpaca[0].turns[0].content == "Give three tips for staying healthy."
    assert alpaca[5].turns[0].input is not None
    assert all(row.answer.splitlines()[-1].startswith("#### ") for row in gsm8k)
    assert all([turn.role for turn in row.turns] == ["user", "assistant"] for row in lima)
    assert all("### Instruction:" in row.turns[0].content for row in longest)


def test_the_flagships_files_are_parsed_once_and_never_again(
    shared_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files for five selections: a `bench run` of a finished suite must end in seconds."""
    parsed: list[str] = []

    def read_and_note(table: RowTable, source: Source) -> list[Problem]:
        parsed.append(source.label)
        return read(table, source)

    monkeypatch.setattr("bench.data.selected.read", read_and_note)
    source = "alpaca/alpaca_data.json"
    specs = {
        "lima_1k": DataSpec(source="lima/lima_1k.jsonl"),
        "alpaca_52k": DataSpec(source=source),
        "random_1k": DataSpec(source=source, select=Select(by="random", size=1000)),
        "longest_1k": DataSpec(source=source, select=Select(by="longest", size=1000)),
        "eval:heldout": DataSpec(source=source, select=Select(by="holdout", size=500)),
    }

    for _ in range(2):
        found = resolve_data(specs, base=shared_dir / "data", home=tmp_path)
        assert [found[name].rows for name in specs] == [1000, 51_474, 1000, 1000, 500]
        assert found["random_1k"].dropped[HELD_OUT] == 500
        assert parsed == ["lima/lima_1k.jsonl", source]


@pytest.mark.parametrize(
    ("source", "reference"),
    [
        ("lima/lima_test.jsonl", "data.no-answers"),
        ("truthfulqa/TruthfulQA.csv", "data.unknown-shape"),
        ("hellaswag/hellaswag_val.jsonl", "data.unknown-shape"),
    ],
)
def test_files_without_answers_are_refused_by_name(
    shared_dir: Path, tmp_path: Path, source: str, reference: str
) -> None:
    with pytest.raises(InputError) as caught:
        resolve_data({"a": DataSpec(source=source)}, base=shared_dir / "data", home=tmp_path)
    [problem] = caught.value.problems
    assert problem.reference == reference
    assert str(problem.where).startswith(source)
