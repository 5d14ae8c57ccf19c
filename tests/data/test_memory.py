"""Data larger than memory must be trainable: peak memory does not follow the number of rows."""

import subprocess
import sys
from pathlib import Path


def test_ten_times_the_rows_take_no_more_memory(root: Path) -> None:
    """Whole processes, resolving and reading; benchmarks/data_memory.py does the same for 52,000 and 520,000 rows."""
    command = [sys.executable, "benchmarks/data_memory.py", "--rows", "6000", "60000"]
    table = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root).stdout
    few, many = ([float(cell) for cell in line.split()[1::2]] for line in table.splitlines()[1:])  # MB, then seconds
    assert len(few) == 2
    for small, large in zip(few, many, strict=True):
        assert large < 1.2 * small
