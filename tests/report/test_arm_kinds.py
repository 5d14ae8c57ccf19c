"""What a reader must see of arms that choose their rate, train nothing, or stand on several models, and of a suite that
asks for speed alone."""

from pathlib import Path
from typing import Any

import pytest

from bench.record.rundir import RunDirectory
from bench.report.analysis.aligned.score_rows import read_rows
from bench.report.analysis.comparison import Comparison
from bench.report.compare import compare, compare_record
from bench.report.compose import compose
from bench.report.render.markdown import render
from bench.report.render.view import Section, Table
from bench.report.write import write_report
from tests.fakes.orders import BEST_RATE, ORDERS
from tests.fakes.suites import fake_model, fake_rows, fake_suite, run_below

QA = {"kind": "lm_eval", "name": "qa", "tasks": ("t",)}
FULL = {"method": "full", "learning_rate": 1e-3}


def go(root: Path, **changes: Any) -> RunDirectory:
    fake_rows(root / "many.jsonl", rows=40)
    changes = {"data": {"few": {"source": "many.jsonl"}}, "eval": (QA,), **changes}
    return run_below(root, fake_suite(root, **changes))


def compared(root: Path, **changes: Any) -> Comparison:
    return compare(go(root, **changes), replicates=100)


def section(comparison: Comparison, title: str) -> Section | None:
    return next((found for found in compose(comparison).sections if found.title == title), None)


def table(comparison: Comparison, title: str) -> list[list[str]]:
    found = section(comparison, title)
    assert found is not None, f"the report has no section {title!r}"
    first = next(block for block in found.blocks if isinstance(block, Table))
    return [[cell.whole for cell in row] for row in first.rows]


def sweeping(*rates: float) -> dict[str, Any]:
    recipe = {"full": {"method": "full", "learning_rate": {"sweep": rates}}, "lora": {**FULL, "method": "lora"}}
    return {"recipe": recipe}


def test_the_sweeps_table_shows_every_rate_and_the_one_that_was_chosen(tmp_path: Path) -> None:
    comparison = compared(tmp_path, **sweeping(1e-2, BEST_RATE, ORDERS["diverge"], 1e-4))
    rows = table(comparison, "Learning rates")
    assert [row[1:4] for row in rows] == [
        ["0.0001", "2.303", ""],
        ["0.001", "0.000", "chosen"],
        ["0.0078125", "diverged", ""],
        ["0.01", "2.303", ""],
    ]


def test_a_rate_chosen_at_the_edge_is_pointed_out(tmp_path: Path) -> None:
    comparison = compared(tmp_path, **sweeping(1e-2, 3e-3))
    assert [sweep.edge for sweep in comparison.sweeps] == ["lowest"]
    assert "sweep at the edge" in {finding.name for finding in comparison.sanity}
    assert "0.003" in next(f.detail for f in comparison.sanity if f.name == "sweep at the edge")


def test_a_rate_that_failed_is_missing_and_nothing_is_called_chosen(tmp_path: Path) -> None:
    comparison = compared(tmp_path, **sweeping(ORDERS["kill"], BEST_RATE))
    assert not comparison.completeness.complete
    assert [row[2] for row in table(comparison, "Learning rates")] != []
    assert all(row[3] != "chosen" for row in table(comparison, "Learning rates"))
    assert any(absence.job == "sweep:few/full=0.25" for absence in comparison.missing)


def few_shot() -> dict[str, Any]:
    recipe = {"full": FULL, "shots": {"method": "few_shot", "shots": 3}}
    return {"recipe": recipe, "arms": {"data": ("few",), "recipe": ("full", "shots")}}


def test_few_shot_is_scored_like_any_arm_and_costs_no_training(tmp_path: Path) -> None:
    comparison = compared(tmp_path, **few_shot())
    assert comparison.completeness.complete
    assert comparison.results["few/shots", "qa"].versus_base is not None
    cost = {cost.arm: cost for cost in comparison.costs}["few/shots"]
    assert (cost.tokens, cost.steps, cost.trainable_parameters, cost.trains) == (0, 0, 0, False)
    rows = {row[0]: row for row in table(comparison, "Cost")}
    assert "0" in rows["few/shots"]


def test_few_shot_is_no_reason_to_call_budgets_unequal(tmp_path: Path) -> None:
    names = {finding.name for finding in compared(tmp_path, **few_shot()).sanity}
    assert not names & {"budget mismatch", "budgets differ", "speed shared"}


def test_the_rows_in_the_context_are_shown(tmp_path: Path) -> None:
    comparison = compared(tmp_path, **few_shot())
    assert [len(context.rows) for context in comparison.contexts] == [3, 3]
    rows = table(comparison, "Few-shot context")
    assert [row[:3] for row in rows] == [["few/shots#0", "3 of 3", "15"], ["few/shots#1", "3 of 3", "15"]]
    assert "few:0, few:1, few:2" in rows[0]


def test_a_context_that_held_fewer_rows_than_asked_for_is_pointed_out(tmp_path: Path) -> None:
    directory = go(tmp_path, **few_shot())
    assert "fewer shots" not in {finding.name for finding in compare(directory, replicates=100).sanity}
    record = directory.load()
    evaluations = tuple(
        one
        if one.result is None or one.result.shots is None
        else one.model_copy(update={"result": one.result.model_copy(update={"shots": one.result.shots[:2]})})
        for one in record.evaluations
    )
    short = compare_record(
        record.model_copy(update={"evaluations": evaluations}), read_rows(directory, record), replicates=100
    )
    found = [finding for finding in short.sanity if finding.name == "fewer shots"]
    assert [(one.arm, one.detail) for one in found] == [
        ("few/shots", f"few/shots#{seed} has 2 of 3 rows in its context: more do not fit") for seed in (0, 1)
    ]


def several(root: Path) -> dict[str, Any]:
    fake_model(root / "large", parameters=32, seed=1)
    return {"model": None, "models": {"small": {"path": "model"}, "large": {"path": "large"}}}


def test_every_arm_is_compared_with_the_base_that_it_trained(tmp_path: Path) -> None:
    claim = {"says": "few/full@large > base@large", "on": "qa"}
    comparison = compared(tmp_path, claim=(claim,), **several(tmp_path))
    assert list(comparison.arms)[:2] == ["base@small", "base@large"]
    for arm in ("few/full@small", "few/full@large"):
        contrast = comparison.results[arm, "qa"].versus_base
        assert contrast.reference == f"base@{arm.partition('@')[2]}"
    assert comparison.results["base@large", "qa"].versus_base is None
    assert comparison.claims[0].verdict.outcome != "incomplete"
    text = render(compose(comparison))
    assert "2 bases" in text
    assert "model small" in text
    assert "model large" in text


def test_speed_alone_makes_a_report_without_scores(tmp_path: Path) -> None:
    directory = go(tmp_path, eval=())
    comparison = compare(directory)
    assert comparison.completeness.complete
    assert "without evals: speed and memory only" in compose(comparison).status.text
    assert section(comparison, "Arms") is None
    assert [row[0] for row in table(comparison, "Cost")] == ["few/full", "few/lora"]
    assert write_report(directory).is_file()


def sizes(*rows: int) -> dict[str, Any]:
    data = {f"n{size}": {"source": "many.jsonl", "select": {"by": "first", "size": size}} for size in rows}
    return {"data": data, "arms": {"data": tuple(data), "recipe": ("full",)}}


def test_scores_over_the_number_of_rows_are_a_table_and_a_plot(tmp_path: Path) -> None:
    directory = go(tmp_path, **sizes(4, 16, 8))
    comparison = compare(directory, replicates=100)
    (line,) = comparison.scaling
    assert [(point.rows, point.arm) for point in line.points] == [
        (4, "n4/full"), (8, "n8/full"), (16, "n16/full"),
    ]  # fmt: skip
    found = section(comparison, "Score over rows")
    assert found is not None
    write_report(directory)
    svg = (directory.path / "plots" / "scaling.svg").read_text(encoding="utf-8")
    assert svg.startswith("<svg ")


@pytest.mark.parametrize("changes", [sizes(4, 8), {}])
def test_two_sizes_are_no_curve(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert section(compared(tmp_path, **changes), "Score over rows") is None
