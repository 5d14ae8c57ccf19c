"""Rounds of kills: what must hold at each kill, and at the end that follows."""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from benchmarks.kill_fuzz.kills import CODES, WAYS, family
from benchmarks.kill_fuzz.left_behind import attempts, outcome, step_seconds, whole
from benchmarks.kill_fuzz.small_run import INTERVAL, crash, start, wait_for

ORPHAN_SECONDS = 60.0
RUN_SECONDS = 900.0


def point(folder: Path, way: str, seconds: float, draw: random.Random) -> dict[str, Any]:
    """One kill after `seconds`, and what must hold at once. Raises `AssertionError`."""
    process = start(folder)
    code = wait_for(process, seconds)
    if code is not None:
        assert code == 0, (code, crash(folder))
        return {"way": way, "after": seconds, "ended": "before the kill"}
    below = family(process)
    hit = WAYS[way](process, draw)
    code = wait_for(process, RUN_SECONDS)
    if code == 0 and way != "kill child":  # it was through when the signal came
        return {"way": way, "after": seconds, "ended": "before the kill"}
    assert not hit or code in CODES[way], (way, code, crash(folder))
    _, alive = psutil.wait_procs(below, timeout=ORPHAN_SECONDS)
    alive = [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert not alive, f"orphans: {alive}"
    whole(folder)
    return {"way": way, "after": seconds, "ended": code}


def complete(folder: Path) -> float:
    """The run that must end well; its seconds."""
    began = time.monotonic()
    code = wait_for(start(folder), RUN_SECONDS)
    assert code == 0, f"the next run ended with {code}: {crash(folder)}"
    return time.monotonic() - began


def rounds(points: int, draw: random.Random, report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """All points; what they came to. Raises `AssertionError` at the first that loses anything."""
    ways, kinds, again = sorted(WAYS), Counter[str](), list[int]()
    with tempfile.TemporaryDirectory(prefix="kill-fuzz-") as place:
        folder = Path(place) / "reference"
        folder.mkdir()
        lasts = complete(folder)
        expected, done, number = outcome(folder), 0, 0
        a_step = step_seconds(folder)
        report({"reference": round(lasts, 2), "step_seconds": round(a_step, 4)})
        while done < points:
            number += 1
            folder = Path(place) / f"round-{number}"
            folder.mkdir()
            for _ in range(min(draw.randint(1, 3), points - done)):
                way = ways[done % len(ways)]
                said = point(folder, way, draw.uniform(0.0, 0.7 * lasts), draw)
                if said["ended"] != "before the kill":  # that is no point: draw another
                    done += 1
                    kinds[way] += 1
                report({"round": number, "point": done, **said})
            seconds = complete(folder)
            repeated = [last - first + 1 for _, last, first in attempts(folder)]
            assert all(steps <= INTERVAL for steps in repeated), f"steps repeated: {repeated}"
            assert outcome(folder) == expected, "the results differ from those of an undisturbed run"
            report({"round": number, "completed_in": round(seconds, 2), "steps_repeated": repeated})
            again += repeated
    return {
        "points": done,
        "kinds": dict(kinds),
        "lost": 0,
        "trainings_taken_up": len(again),
        "steps_repeated": sum(again),
        "seconds_repeated": round(a_step * sum(again), 2),
    }
