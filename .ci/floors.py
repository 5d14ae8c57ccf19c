"""The share of each room's lines that the tests run, held against a floor that only rises.

`coverage json -q -o - | python .ci/floors.py`; exits with 1 where a room is below its floor, or has none.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict

FLOORS: dict[str, int] = {}
"""Percent of lines by room; `bench` has the files beside the rooms."""


def main() -> int:
    """Print a line for each room; 0 where all floors hold."""
    run, total = defaultdict(int), defaultdict(int)
    for file, figures in json.load(sys.stdin)["files"].items():
        parts = file.replace("\\", "/").split("/")
        room = "/".join(parts[:2]) if len(parts) > 2 else parts[0]
        run[room] += figures["summary"]["covered_lines"]
        total[room] += figures["summary"]["num_statements"]
    failed = False
    for room in sorted(total | FLOORS):
        share, floor = 100 * run[room] / max(total[room], 1), FLOORS.get(room)
        below = floor is None or share < floor
        failed |= below
        print(f"{room:<16} {share:5.1f}% of {total[room]:,} lines, floor {floor}%{'  BELOW' if below else ''}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
