"""The table of seeds and arms, with whether arms move together."""

from __future__ import annotations

import numpy as np
import pytest

from bench.report.compare import compare
from bench.report.sections.scores.seeds import seeds_section
from bench.stats.noise.seed_blocks import moves_together
from tests.fakes.records import make_run


def test_every_seeds_score_is_in_its_arms_row() -> None:
    comparison = compare(make_run(examples=40, failed_training="lima_1k/full#1"), replicates=50)
    table = next(table for table in comparison.seed_tables if table.measurand == "qa")
    assert table.seeds == (0, 1, 2)
    assert "base" not in table.scores
    assert table.scores["lima_1k/full"] == comparison.results["lima_1k/full", "qa"].by_seed
    assert table.scores["lima_1k/full"][1] is None
    complete = [row for row in table.scores.values() if None not in row]
    assert len(complete) == len(table.scores) - 1
    assert table.together_p == pytest.approx(moves_together(np.array(complete)))
    section = seeds_section(comparison)
    assert section is not None
    assert any("lima_1k/full" in str(block) for block in section.blocks)


def test_one_seed_has_no_table() -> None:
    comparison = compare(make_run(examples=20, seeds=(0,)), replicates=20)
    assert comparison.seed_tables == ()
    assert seeds_section(comparison) is None
