"""Rows of Parquet and Arrow, a batch at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.data.sources.readers.text_file import NumberedRecords
from bench.errors import InputError, Problem


def read_parquet(path: Path) -> NumberedRecords:
    """Rows of a Parquet file."""
    import pyarrow  # 0.3 s, only for those who need it
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            row = 0
            for batch in file.iter_batches(batch_size=1024):
                for record in batch.to_pylist():
                    row += 1
                    yield row, record
    except pyarrow.ArrowInvalid as error:
        raise _not_a(path, "Parquet", error) from error


def read_arrow(path: Path) -> NumberedRecords:
    """Rows of an Arrow file."""
    import pyarrow
    import pyarrow.ipc

    try:
        with pyarrow.OSFile(str(path)) as file:
            row = 0
            for batch in _batches(file):
                for start in range(0, batch.num_rows, 1024):
                    for record in batch.slice(start, 1024).to_pylist():
                        row += 1
                        yield row, record
    except pyarrow.ArrowInvalid as error:
        raise _not_a(path, "Arrow", error) from error


def _batches(file: Any) -> Iterator[Any]:
    """Record batches of either of Arrow's two layouts: the stream that `datasets` writes, or the file (Feather)."""
    import pyarrow.ipc

    magic = file.read(6)
    file.seek(0)
    if magic == b"ARROW1":
        reader = pyarrow.ipc.open_file(file)
        yield from (reader.get_batch(number) for number in range(reader.num_record_batches))
    else:
        yield from pyarrow.ipc.open_stream(file)


def _not_a(path: Path, name: str, error: Exception) -> InputError:
    reason = str(error).splitlines()[0][:200]
    return InputError(Problem(reference="data.format", what=f"not a {name} file: {reason}", where=path.name))
