"""Files of rows by their format: JSON, JSON Lines, CSV, TSV, Parquet and Arrow.

Contract: a reader yields `(row, record)` with rows counted from 1, or a `RowError` in place of a record, and holds no
more than a block of the file in memory.
"""
