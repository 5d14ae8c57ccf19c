"""CSV: long cells, too many of them, and names of columns."""

from pathlib import Path

from bench.data.formats.fields import RowError
from bench.data.sources.readers.readers import records


def test_a_long_csv_cell_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("question,answer\nq," + "a" * 200_000 + "\n")
    [(_, record)] = records(path, source="long.csv")
    assert len(record["answer"]) == 200_000


def test_a_csv_row_with_too_many_cells_is_named(tmp_path: Path) -> None:
    (path := tmp_path / "x.csv").write_text("question,answer\nq,a\nq,a,b\n")
    found = dict(records(path, source="x.csv"))
    assert found[1] == {"question": "q", "answer": "a"}
    assert isinstance(found[2], RowError)


def test_blanks_around_the_names_of_csv_columns_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prompt, completion \nQ, A\n")
    assert [record for _, record in records(tmp_path / "a.csv", source="a")] == [{"prompt": "Q", "completion": " A"}]
