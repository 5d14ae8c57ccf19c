"""Slurm's commands as small scripts in a folder: `sbatch` starts an array's tasks as processes of this machine.

What a test reads: `N.words` (arguments of the Nth `sbatch`, counted from 41) and `N.script`. What it writes: `timeout`
holds the name of a job whose next array is ended at its time limit before it does anything; `down` stands for a
controller that does not answer; `partitions` is what `sinfo` prints.
"""

import os
from pathlib import Path

import pytest

_SCRIPTS = {
    "sbatch": """
n=$(( $(cat count 2>/dev/null || echo 40) + 1 )); echo $n > count
printf '%s\\n' "$@" > $n.words; cat > $n.script; echo $n
last=$(sed -n 's/--array=0-//p' $n.words)
if [ -e refuse ]; then echo "sbatch: error: $(cat refuse)" >&2; exit 1; fi
i=0; while [ $i -le $last ]; do
  if [ -e timeout ] && grep -qx -- "--job-name=$(cat timeout)" $n.words; then echo "${n}_$i TIMEOUT" >> states
  else
    (cd /; SLURM_ARRAY_TASK_ID=$i exec sh "$OLDPWD/$n.script" > /dev/null 2>&1) & echo "${n}_$i RUNNING" >> states
  fi
  i=$(( i + 1 ))
done
if grep -q TIMEOUT states; then rm -f timeout; fi
""",
    "squeue": "[ -e down ] && exit 1; cat states 2>/dev/null; true",
    "sinfo": "cat partitions 2>/dev/null; true",
    "scancel": 'echo "$@" >> cancelled',
}


def fake_slurm(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the scripts, which are first in `PATH`."""
    folder.mkdir()
    for name, text in _SCRIPTS.items():
        (folder / name).write_text(f"#!/bin/sh\ncd {folder}\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def words(folder: Path, array: int) -> set[str]:
    """Arguments of one `sbatch`."""
    return set((folder / f"{array}.words").read_text().splitlines())
