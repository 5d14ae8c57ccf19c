"""What trainings would count (rows, steps, tokens, parameters), from the schedules that they would follow.

Contract: exact, and nothing is trained; a count is made once for a digest and the code that counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from bench.code_digest import own_code
from bench.errors import InputError
from bench.record.jobs.train_job import TrainJob
from bench.record.results.facts import PlannedCounts
from bench.run.process.payloads import CountReply, CountRequest
from bench.run.process.server import Child, ChildServer, error_of, failed, stop_all


def exact_counts(
    trainings: Mapping[str, TrainJob], *, workers: int, home: Path, server: ChildServer
) -> dict[str, PlannedCounts]:
    """Counts of one training of each arm, by arm; `workers` children count side by side, and counts are kept by digest.

    Raises `InputError` with the problems of every arm that cannot be counted.
    """
    counts = {arm: count for arm, job in trainings.items() if (count := _known_count(home, job.digest)) is not None}
    shares = _shares([arm for arm in trainings if arm not in counts], trainings, workers)
    log = home / "logs" / "count.txt"
    children = list[Child]()
    try:
        for share in shares:
            request = CountRequest(jobs=tuple(trainings[arm] for arm in share))
            children.append(server.start("count", request, folder=home, log=log))
        while not all(child.ended() for child in children):
            for child in children:
                child.wait(0.02)
    finally:
        stop_all(children)
    for share, child in zip(shares, children, strict=True):
        if child.failure is None:
            for arm, count in zip(share, CountReply.model_validate(child.value).counts, strict=True):
                counts[arm] = count
                _keep(home, trainings[arm].digest, count)
    _raise_failures(children, log)
    return counts


def _shares(arms: Sequence[str], trainings: Mapping[str, TrainJob], workers: int) -> list[list[str]]:
    """Arms for each child: those on the same rows together, so that no row is rendered twice."""
    by_rows: dict[tuple[str, str], list[str]] = {}
    for arm in arms:
        by_rows.setdefault((trainings[arm].model.sha256, trainings[arm].data.sha256), []).append(arm)
    shares: list[list[str]] = [[] for _ in range(workers)]
    for same_rows in sorted(by_rows.values(), key=len, reverse=True):
        min(shares, key=len).extend(same_rows)
    return [share for share in shares if share]


def _raise_failures(children: Sequence[Child], log: Path) -> None:
    problems = [problem for child in children for problem in child.problems]
    if problems:
        raise InputError(problems)
    for child in children:
        if child.failure is not None:
            raise error_of(failed("count", child.failure, log), child.failure)


_read: dict[Path, PlannedCounts] = {}
"""Counts that this process has read: a plan looks at each twice."""


def _known_count(home: Path, digest: str) -> PlannedCounts | None:
    file = _count_file(home, digest)
    try:
        return _read.get(file) or _read.setdefault(file, PlannedCounts.model_validate_json(file.read_bytes()))
    except (OSError, ValidationError):
        return None


def _keep(home: Path, digest: str, count: PlannedCounts) -> None:
    """Not synced: of a thousand arms that would take seconds, and a file that a crash tore is counted again."""
    file = _count_file(home, digest)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(count.model_dump_json(), encoding="utf-8")


def _count_file(home: Path, digest: str) -> Path:
    return home / "counts" / f"{own_code(home).key(digest, 'bench.train.exact_counts')}.json"
