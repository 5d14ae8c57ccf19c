"""How to reproduce: a reader has to see by what the rows were chosen without opening the suite."""

from typing import Any

import pytest

from bench.report.compare import compare_record
from bench.report.render.view import Code, Table
from bench.report.sections.arm_names import arm_names
from bench.report.sections.reproduce import reproduce_section
from bench.suite.tables.data import Select
from tests.fakes.records import make_run


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("bench run lima.toml --reports /home/someone/runs", "bench run lima.toml --profile micro"),
        (
            "bench run lima.toml --reports=/home/someone/runs --only base",
            "bench run lima.toml --only base --profile micro",
        ),
        (
            "bench run lima.toml --profile micro --set seeds=[0]",
            "bench run lima.toml --profile micro --set 'seeds=[0]'",
        ),
        ("bench plan --resolve", "bench plan --resolve"),
    ],
)
def test_the_command_names_its_profile_and_not_where_it_wrote(typed: str, shown: str) -> None:
    record = make_run(examples=5).record.model_copy(update={"command": tuple(typed.split())})
    section = reproduce_section(compare_record(record, {}, replicates=10))
    assert [block.lines for block in section.blocks if isinstance(block, Code)] == [(shown,)]


@pytest.mark.parametrize(
    ("select", "says"),
    [
        ({"by": "score", "column": "quality", "minimum": 4.5}, "rows; taken by score, column quality ≥ 4.5, sha256"),
        ({"by": "diverse", "size": 9, "seed": 3}, "k-centre greedy over words and word pairs, hashed into 256 signed"),
        ({"by": "random", "size": 9, "seeds": [4, 5]}, "taken by random, seeds 4, 5, sha256"),
        ({"by": "all"}, "of 52,000 rows, sha256"),
    ],
)
def test_it_says_by_what_rows_were_taken(select: dict[str, Any], says: str) -> None:
    record = make_run(examples=5).record
    suite = record.resolved.suite
    spec = suite.data["random_1k"].model_copy(update={"select": Select.model_validate(select)})
    changed = suite.model_copy(update={"data": {**suite.data, "random_1k": spec}})
    record = record.model_copy(update={"resolved": record.resolved.model_copy(update={"suite": changed})})
    comparison = compare_record(record, {}, replicates=10)
    [table] = [block for block in reproduce_section(comparison).blocks if isinstance(block, Table)]
    [said] = [row[1].text for row in table.rows if row[0].text == "data random_1k"]
    assert says in said


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("/home/someone/rows.jsonl", "rows of rows.jsonl"),
        ("GAIR/lima", "rows of GAIR/lima"),
        ("../a/b.csv", "rows of ../a/b.csv"),
    ],
)
def test_the_first_screen_names_a_file_without_this_machines_folders(source: str, says: str) -> None:
    run = make_run(examples=5)
    resolved = run.record.resolved
    data = {**resolved.data, "lima_1k": resolved.data["lima_1k"].model_copy(update={"source": source})}
    changed = run.changed(resolved=resolved.model_copy(update={"data": data}))
    [names] = arm_names(compare_record(changed.record, {}, replicates=10))
    assert f"lima_1k is 1,000 {says}; " in names.text


@pytest.mark.parametrize(
    ("seeds", "says"),
    [
        ([0, 1, 2], "52,000 rows of micro:mixed, drawn at random 3 times, for each seed in turn another draw; alpaca"),
        ([], "52,000 rows of micro:mixed, drawn at random; alpaca_52k is"),
    ],
)
def test_a_control_says_how_often_it_was_drawn(seeds: list[int], says: str) -> None:
    """A reader took three draws for one, and its noise for that of the training."""
    run = make_run(examples=5)
    spec = run.record.resolved.suite.data["random_1k"]
    select = Select.model_validate({"by": "random", "size": 1000, "seeds": seeds})
    data = {**run.record.resolved.suite.data, "random_1k": spec.model_copy(update={"select": select})}
    [names] = arm_names(compare_record(run.with_suite(data=data).record, {}, replicates=10))
    assert says in names.text
