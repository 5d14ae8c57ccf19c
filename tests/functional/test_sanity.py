"""Faults of training and of data in one real run, on the embedded base: each is named in everything that is read."""

import json
import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.fakes.process import bench

WORDS = ("the", "cat", "river", "stone", "lamp", "green", "tower", "quiet", "bread", "paper", "wheel", "window")
SUITE = """
name = "sane"
question = "Does the report see what went wrong?"
seeds = [0]
model = { card = "micro" }
run = { workers = 1, probe_steps = 0 }
budget = { unit = "steps", amount = 4 }

[data]
leaked = { source = "leaked.jsonl" }

[recipe.full]
method = "full"
learning_rate = 1e-4
max_length = 40

[recipe.wild]
method = "full"
learning_rate = 1e4
max_length = 40

[arms]
include = [
  { data = "leaked", recipe = "full" },
  { data = "leaked", recipe = "wild" },
]

[[eval]]
name = "exam"
kind = "generation"
data = { source = "exam.jsonl" }
metrics = ["exact_match"]
decoding = { max_new_tokens = 4 }
"""
EXPECTED = {
    ("contaminated", "leaked/full"): "4 of 16 examples (25.0%)",
    ("truncated", "leaked/full"): "of the rows seen were cut at the maximum length",
    ("diverged", "leaked/wild"): "the loss of seed 0 was not finite, or grew far beyond its start",
}
"""By verdict and arm, what was seen."""


def write_rows(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    lines = (json.dumps({"instruction": question, "output": answer}) for question, answer in rows)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Rows that copy a quarter of the exam within a longer prompt, and a learning rate ten million times too high. The
    run directory, and what the terminal showed."""
    folder, rng = tmp_path_factory.mktemp("sane"), random.Random(0)

    def words(count: int) -> str:
        return " ".join(rng.choice(WORDS) for _ in range(count))

    exam = [(f"Copy this: {words(14)}", words(3)) for _ in range(16)]
    copies = [(f"Please. {question} Thanks.", words(3)) for question, _ in exam[:4]]
    write_rows(folder / "exam.jsonl", exam)
    write_rows(folder / "leaked.jsonl", [*copies, *((f"Say {words(5)}", words(30)) for _ in range(16))])
    (folder / "sane.toml").write_text(SUITE, encoding="utf-8")
    done = bench(folder, "run", "sane.toml", "--quiet", "--full", COLUMNS="250")
    assert done.returncode == 3, done.stderr[-2000:]  # one of two arms failed
    return (folder / "reports" / "sane" / "latest").resolve(), done.stdout


@pytest.mark.parametrize(("verdict", "arm"), EXPECTED)
def test_a_fault_is_named_in_the_terminal_in_markdown_and_in_html(
    run: tuple[Path, str], verdict: str, arm: str
) -> None:
    """Whoever reads one of the three only must not miss it."""
    folder, terminal = run
    seen = EXPECTED[verdict, arm]
    for text in (terminal, (folder / "report.md").read_text("utf-8"), (folder / "report.html").read_text("utf-8")):
        lines = text.replace("</tr>", "</tr>\n").replace("\n<td", "<td").splitlines()
        assert any(verdict in line and arm in line and seen in line for line in lines), (verdict, text[:200])


def test_nothing_else_is_said_of_the_arm_that_left_its_budget(run: tuple[Path, str]) -> None:
    """A training that ran away is no yardstick for the others' budgets, and it ran alone."""
    text = (run[0] / "report.md").read_text("utf-8")
    assert "budget mismatch" not in text
    record = json.loads((run[0] / "record.json").read_text("utf-8"))
    assert {training["job"]["alone"] for training in record["trainings"] if training["result"]} == {True}
