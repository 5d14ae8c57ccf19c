"""The check of type names finds a name that two files give to different things; `make lint` runs it on the package."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "type_names.py"


def check(script: Path) -> tuple[int, str]:
    """Exit code and output of the script."""
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    return run.returncode, run.stdout


@pytest.mark.parametrize(
    "second", ["class Row: ...\n", "Row = dict[str, int]\n", "Row: TypeAlias = int\n", "def f():\n    class Row: ...\n"]
)
def test_a_second_type_of_one_name_is_found(tmp_path: Path, second: str) -> None:
    script = tmp_path / ".ci" / "type_names.py"
    script.parent.mkdir()
    script.write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "a.py").write_text("ROW = 1\nclass Row: ...\n", encoding="utf-8")
    (tmp_path / "bench" / "b.py").write_text("ROW = 2\n" + second, encoding="utf-8")
    code, output = check(script)
    assert code == 1
    assert output.startswith("Row: bench/a.py:2, bench/b.py:")
    assert "ROW" not in output
