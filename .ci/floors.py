"""The share of each room's lines that the tests run, held against a floor that only rises.

`coverage json -q -o - | python .ci/floors.py` exits with 1 where a room is below its floor or has none. With
`--raise`, which is `make floors`, it writes floors.json: each floor becomes the measured share less one point, if that
is higher; a room without a floor gets one.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

FLOORS = Path(__file__).with_name("floors.json")
"""Percent of lines by room; `bench` has the files beside the rooms."""
SLACK = 1
"""Points between a measured share and its floor: tests of time-outs and kills do not run the same lines every time."""


def shares(report: dict[str, dict[str, dict[str, dict[str, int]]]]) -> dict[str, float]:
    """Percent of lines run by room, from coverage's JSON."""
    run: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for file, figures in report["files"].items():
        parts = Path(file).parts
        room = "/".join(parts[:2]) if len(parts) > 2 else parts[0]
        run[room] += figures["summary"]["covered_lines"]
        total[room] += figures["summary"]["num_statements"]
    return {room: 100 * run[room] / total[room] for room in sorted(total) if total[room]}


def main(arguments: list[str]) -> int:
    """Print a line for each room; 0 where all floors hold."""
    floors: dict[str, int] = json.loads(FLOORS.read_text(encoding="utf-8"))
    measured = shares(json.load(sys.stdin))
    if "--raise" in arguments:
        raised = {room: max(floors.get(room, 0), int(share) - SLACK) for room, share in measured.items()}
        FLOORS.write_text(json.dumps(raised, indent=2) + "\n", encoding="utf-8")
        floors = raised
    failed = False
    for room in sorted(measured | floors):
        share, floor = measured.get(room, 0.0), floors.get(room)
        below = floor is not None and share < floor
        failed |= below or floor is None
        words = (
            "no floor yet, give it one with --raise" if floor is None else f"floor {floor}%{' BELOW' if below else ''}"
        )
        print(f"{room:<16} {share:5.1f}%, {words}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
