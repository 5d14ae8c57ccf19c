"""How to reproduce: a reader has to see by what the rows were chosen without opening the suite."""

from __future__ import annotations

from typing import Any

import pytest

from bench.report.compare import compare_record
from bench.report.render.view import Table
from bench.report.sections.reproduce import reproduce_section
from bench.suite.tables.data import Select
from tests.fakes.records import make_run


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
