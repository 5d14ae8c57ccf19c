"""The exact tier of this project's own gate: the flagship's counts are the committed ones, on every machine.

A change that is meant: `bench gate exact suites/lima_vs_alpaca.toml --profile micro --baseline BASELINE --update`.
"""

import json
import shutil
import subprocess
from pathlib import Path

from tests.fakes.process import run

BASELINE = Path("tests") / "perf" / "exact-lima_vs_alpaca-micro.json"


def gate(root: Path, home: Path, baseline: Path) -> subprocess.CompletedProcess[str]:
    """The command that CI runs."""
    suite = root / "suites" / "lima_vs_alpaca.toml"
    command = ["gate", "exact", str(suite), "--profile", "micro", "--baseline", str(baseline)]
    return run("bench", command, folder=root, environment={"BENCH_HOME": str(home), "COLUMNS": "120"})


def test_the_flagships_counts_are_the_committed_ones(root: Path, tmp_path: Path) -> None:
    """Against the committed file with one count spoiled: that one is named, and no other has changed."""
    changed = shutil.copy(root / BASELINE, tmp_path / "changed.json")
    content = json.loads(changed.read_text())
    content["trainings"]["lima_1k/lora"]["padding"] += 1
    changed.write_text(json.dumps(content))
    done = gate(root, tmp_path / "home", changed)
    assert done.returncode == 1, done.stderr
    assert "no-go: 1 count changed" in done.stdout, done.stdout
    assert "padding" in done.stdout
