"""What trainings would count (rows, steps, tokens, parameters), from the schedules that they would follow.

Contract: exact, and nothing is trained; a count is made once for a digest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from bench.atomic import write_text
from bench.errors import BenchError, InputError, Problem
from bench.record.job import Job
from bench.run.process.server import Child, ChildServer, error_of, failed, stop_all


def exact_counts(
    trainings: Mapping[str, Job], *, workers: int, home: Path, server: ChildServer
) -> dict[str, dict[str, int]]:
    """Counts of one training of each arm, by arm; `workers` children count side by side, and counts are kept by digest.

    Raises `InputError` with the problems of every arm that cannot be counted.
    """
    counts = {arm: count for arm, job in trainings.items() if (count := _known_count(home, job.digest)) is not None}
    waiting = [arm for arm in trainings if arm not in counts]
    running: dict[str, Child] = {}
    problems, broken = list[Problem](), list[BenchError]()
    log = home / "logs" / "count.txt"
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                arm = waiting.pop(0)
                running[arm] = server.start("count", trainings[arm], folder=home, log=log)
            for arm, child in list(running.items()):
                child.wait(0.05)
                if child.ended():
                    del running[arm]
                    child.stop()
                    if child.failure is None:
                        counts[arm] = child.value
                        write_text(_count_file(home, trainings[arm].digest), json.dumps(child.value))
                    else:
                        problems += child.problems
                        if not child.problems:
                            broken.append(error_of(failed(f"count of {arm}", child.failure, log), child.failure))
    finally:
        stop_all(list(running.values()))
    if problems:
        raise InputError(problems)
    if broken:
        raise broken[0]
    return counts


def _known_count(home: Path, digest: str) -> dict[str, int] | None:
    try:
        value = json.loads(_count_file(home, digest).read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) and all(isinstance(count, int) for count in value.values()) else None


def _count_file(home: Path, digest: str) -> Path:
    return home / "counts" / f"{digest}.json"
