"""`bench init` as a process: the suite that it writes validates, and says what it saw."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.fakes.process import bench


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sums = [{"instruction": f"What is {n} plus {n}?", "input": "", "output": str(2 * n)} for n in range(120)]
    texts = [{"text": f"The baker of town {n} lives near the river and has {n} cows."} for n in range(60)]
    for name, rows in (("My sums", sums), ("texts", texts)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return tmp_path


def test_a_first_suite_validates_and_is_never_replaced(folder: Path) -> None:
    done = bench(
        folder, "init", "--model", "micro", "--data", "My sums.jsonl", "--goal", "method", "--out", "first.toml"
    )
    assert done.returncode == 0, done.stderr
    text = (folder / "first.toml").read_text(encoding="utf-8")
    suite = tomllib.loads(text)
    assert suite["data"]["my_sums"]["source"] == "My sums.jsonl"
    assert suite["claim"] == [{"says": "my_sums/lora >= my_sums/full", "on": "answers", "margin": 0.0}]
    assert "FILL IN" in text
    checked = bench(folder, "validate", "first.toml")
    assert checked.returncode == 0, checked.stderr
    assert "4 arms × 3 seeds" in checked.stdout
    again = bench(folder, "init", "--model", "micro", "--data", "texts.jsonl", "--goal", "tune", "--out", "first.toml")
    assert (again.returncode, "error[init.exists]" in again.stderr) == (2, True)
    assert (folder / "first.toml").read_text(encoding="utf-8") == text


def test_plain_text_is_evaluated_by_its_loss(folder: Path) -> None:
    done = bench(folder, "init", "--model", "micro", "--data", "texts.jsonl", "--goal", "tune", "--out", "text.toml")
    assert done.returncode == 0, done.stderr
    suite = tomllib.loads((folder / "text.toml").read_text(encoding="utf-8"))
    assert [(spec["name"], spec["role"]) for spec in suite["eval"]] == [("heldout", "target")]
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_without_a_terminal_a_missing_flag_is_named(folder: Path) -> None:
    done = bench(folder, "init", "--model", "micro")
    assert done.returncode == 2
    assert "--data is missing" in done.stderr
