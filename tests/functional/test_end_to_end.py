"""One cut-down suite, run for real through the command line: the report, the record and an independent recomputation
must tell the same story. If this fails, no number in any report can be trusted."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from tokenizers import Tokenizer

from bench.data.micro.rows import rows as micro_rows
from tests.fakes import process

SUITE = """
name = "small"
question = "Does the whole way from suite to report hold together?"
seeds = [0, 1]
control = "drawn"
model = { card = "micro" }
budget = { unit = "epochs", amount = 1 }
arms = { data = ["first", "drawn"], recipe = ["full", "lora"] }
run.probe_steps = 0

[data]
first = { source = "micro:curated", select = { by = "first", size = 48 } }
drawn = { source = "micro:curated", select = { by = "random", size = 48 } }

[recipe.full]
method = "full"
learning_rate = 1e-3
batch_rows = 8
[recipe.lora]
method = "lora"
learning_rate = 1e-2
batch_rows = 8
accumulation = 2

[[eval]]
name = "qa"
kind = "lm_eval"
tasks = ["micro_qa"]
include = "TASKS"
limit = 40
[[eval]]
name = "heldout"
kind = "loss"
data = { source = "micro:heldout", select = { by = "first", size = 30 } }

[[claim]]
says = "first/full > base"
on = "qa"
"""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run that was made once for all tests here."""

    suite: Path
    folder: Path
    output: str
    record: dict[str, Any]
    report: dict[str, Any]

    def bench(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Call the product again, as a user would."""
        return process.bench(self.suite.parent, *arguments)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Finished:
    """Train four arms with two seeds, evaluate nine subjects, report."""
    folder = tmp_path_factory.mktemp("end_to_end")
    suite = folder / "small.toml"
    suite.write_text(SUITE.replace("TASKS", (root / "suites" / "tasks" / "micro").as_posix()))
    done = process.bench(folder, "run", "small.toml", COLUMNS="100")
    assert done.returncode == 0, done.stderr[-2000:]
    run = (folder / "reports" / "small" / "latest").resolve()
    shown = process.bench(folder, "report", "small", "--json")
    assert shown.returncode == 0, shown.stderr
    return Finished(
        suite=suite,
        folder=run,
        output=done.stdout,
        record=json.loads((run / "record.json").read_text()),
        report=json.loads(shown.stdout),
    )


def scores(finished: Finished, evaluation: str, subject: str, metric: str) -> dict[str, tuple[float, float]]:
    """(score, weight) by example, read from the run's own files without the product's code."""
    entry = next(e for e in finished.record["evaluations"] if (e["eval"], e["subject"]) == (evaluation, subject))
    lines = (finished.folder / entry["scores"]).read_text().splitlines()
    read = [json.loads(line) for line in lines]
    return {row["id"]: (row["metrics"][metric], row.get("weight", 1.0)) for row in read}


def weighted_mean(pairs: list[tuple[float, float]]) -> float:
    """Sum of weight × score over sum of weights."""
    return sum(value * weight for value, weight in pairs) / sum(weight for _, weight in pairs)


@pytest.mark.parametrize(("evaluation", "metric"), [("qa", "exact_match"), ("heldout", "nll")])
@pytest.mark.parametrize("arm", ["first/full", "first/lora"])
def test_reported_deltas_are_what_the_scores_say(finished: Finished, arm: str, evaluation: str, metric: str) -> None:
    def over_seeds(name: str) -> float:
        subjects = ["base"] if name == "base" else [f"{name}#0", f"{name}#1"]
        return mean(weighted_mean(list(scores(finished, evaluation, s, metric).values())) for s in subjects)

    control = "drawn/" + arm.partition("/")[2]
    row = next(r for r in finished.report["results"] if (r["arm"], r["measurand"]["name"]) == (arm, evaluation))
    assert row["value"]["mean"] == pytest.approx(over_seeds(arm), abs=1e-9)
    for reference, contrast in (("base", row["versus_base"]), (control, row["versus_control"])):
        delta = contrast["delta"]
        assert delta["estimate"] == pytest.approx(over_seeds(arm) - over_seeds(reference), abs=1e-9)
        assert delta["low"] <= delta["estimate"] <= delta["high"]


def test_the_markdown_shows_the_same_number_as_the_record(finished: Finished) -> None:
    row = next(r for r in finished.report["results"] if (r["arm"], r["measurand"]["name"]) == ("first/full", "heldout"))
    lines = (finished.folder / "report.md").read_text().splitlines()
    assert any("first/full" in line and f"{row['value']['mean']:.3f}" in line for line in lines)
    assert any("first/full" in line and f"{abs(row['versus_base']['delta']['estimate']):.3f}" in line for line in lines)


def test_every_example_is_scored_for_every_subject(finished: Finished) -> None:
    base = scores(finished, "qa", "base", "exact_match")
    assert len(base) == 40
    for entry in finished.record["evaluations"]:
        if entry["eval"] == "qa":
            assert scores(finished, "qa", entry["subject"], "exact_match").keys() == base.keys()


def test_supervised_tokens_are_the_answers_and_their_ends(finished: Finished, root: Path) -> None:
    """One epoch is every row once, so the count can be made from the generator's text alone."""
    tokenizer = Tokenizer.from_file(str(root / "models" / "micro" / "tokenizer.json"))
    answers = [row["output"] for row in micro_rows("curated", seed=0)[:48]]
    expected = sum(len(tokenizer.encode(answer, add_special_tokens=False).ids) + 1 for answer in answers)
    ledgers = [t["result"]["ledger"] for t in finished.record["trainings"] if t["arm"].startswith("first/")]
    assert [ledger["rows"] for ledger in ledgers] == [48] * 4
    assert {ledger["supervised_tokens"] for ledger in ledgers} == {expected}


def test_budget_and_counts_agree_in_every_ledger(finished: Finished) -> None:
    for training in finished.record["trainings"]:
        steps, ledger = training["result"]["steps"], training["result"]["ledger"]
        for key in ("tokens", "supervised_tokens", "slots", "rows"):
            assert sum(step[key] for step in steps) == ledger[key]
        assert 0 < ledger["supervised_tokens"] < ledger["tokens"] <= ledger["slots"]
        assert len(steps) == ledger["steps"] == (3 if training["arm"].endswith("lora") else 6)


def test_the_simulation_says_that_it_is_one(finished: Finished) -> None:
    banner = "no evidence about large models"
    assert banner in finished.output
    assert banner in (finished.folder / "report.md").read_text()


def test_a_second_run_trains_nothing(finished: Finished) -> None:
    again = finished.bench("run", "small.toml")
    assert again.returncode == 0
    assert "0 jobs to run" in again.stderr
    record = json.loads((finished.folder / "record.json").read_text())
    assert all(entry["job"]["reused"] for key in ("trainings", "evaluations") for entry in record[key])
    assert record["evaluations"][0]["result"] == finished.record["evaluations"][0]["result"]
