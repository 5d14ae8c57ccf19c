"""The tables of simulations: a promise that was missed must not be printed as kept, and every table can be made."""

import pytest
from statsmodels.stats.proportion import proportion_confint

from benchmarks.simulations.__main__ import TABLES
from benchmarks.simulations.lean import lean
from benchmarks.simulations.table import Note, Share, Table, worst


@pytest.mark.parametrize(
    ("hits", "promised", "verdict"),
    [
        (1_900, (94.0, 96.0), "kept"),
        (1_870, (94.0, 96.0), "within error"),
        (1_840, (94.0, 96.0), "missed"),
        (1_990, (93.0, 98.0), "missed"),
        (104, (0.0, 5.0), "within error"),
        (130, (0.0, 5.0), "missed"),
        (130, None, None),
    ],
)
def test_a_promise_is_missed_where_the_whole_interval_is_outside(
    hits: int, promised: tuple[float, float] | None, verdict: str | None
) -> None:
    share = Share(hits=hits, runs=2_000, promised=promised)
    low, high = proportion_confint(hits, 2_000, method="wilson")
    assert share.interval == pytest.approx((100 * low, 100 * high))
    assert share.verdict == verdict


def test_a_row_is_as_good_as_its_worst_cell() -> None:
    kept, missed = (Share(hits=hits, runs=100, promised=(90.0, 100.0)) for hits in (95, 10))
    assert worst([kept, Note(text="–"), missed]) == "missed"
    assert worst([Note(text="–")]) is None
    table = Table(title="T", about="A.", columns=("a", "b"), cases={"one": lambda _: (kept, Note(text="x"))})
    found: list[object] = []
    assert list(table.lines(100, "", found))[-1] == "| one | ≥ 90% | 95.0% [88.8, 97.8] | x | kept |"  # type: ignore[arg-type]
    assert found == ["kept"]


@pytest.mark.parametrize("name", sorted(TABLES.keys() - {"sequential"}))  # whose bounds alone take three seconds
def test_the_first_row_of_each_table_has_a_cell_for_each_column(name: str) -> None:
    for table in TABLES[name]:
        with lean():
            cells = next(iter(table.cases.values()))(2)
        assert len(cells) == len(table.columns)
        assert all(str(cell) for cell in cells)
