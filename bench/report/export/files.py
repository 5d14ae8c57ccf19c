"""Tables of a run as files: CSV, or Parquet with its types."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeAlias

from bench.atomic import replacing, write_text
from bench.report.export.tables import TABLES, PlainRow, TableSources

TableFormat: TypeAlias = Literal["csv", "parquet"]


def write_tables(sources: TableSources, folder: Path, kind: TableFormat) -> list[Path]:
    """Write each table that has rows as `NAME.csv` or `NAME.parquet` into `folder`, and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, rows_of in TABLES.items():
        rows = list(rows_of(sources))
        if not rows:
            continue
        path = folder / f"{name}.{kind}"
        if kind == "csv":
            write_text(path, as_csv(rows))
        else:
            _write_parquet(path, rows)
        written.append(path)
    return written


def as_csv(rows: Iterable[PlainRow]) -> str:
    """Rows with a header line; `None` is an empty cell."""
    listed = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(listed[0]) if listed else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return text.getvalue()


def _write_parquet(path: Path, rows: list[PlainRow]) -> None:
    import pyarrow
    from pyarrow import parquet

    with replacing(path) as temporary:
        parquet.write_table(pyarrow.Table.from_pylist(rows), temporary)
