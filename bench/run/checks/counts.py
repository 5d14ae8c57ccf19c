"""What trainings would count (rows, steps, tokens, parameters), from the schedules that they would follow.

Contract: exact, and nothing is trained; a count is made once for a digest and the code that counts.
"""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from bench.code_digest import own_code
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import PlannedCounts
from bench.run.process.payloads import CountReply, CountRequest
from bench.run.process.server import ChildServer
from bench.run.process.side_by_side import raise_failures, side_by_side


def exact_counts(
    trainings: Mapping[str, TrainJob], *, workers: int, home: Path, server: ChildServer
) -> dict[str, PlannedCounts]:
    """Counts of one training of each arm, by arm; `workers` children count side by side, and counts are kept by digest.

    Raises `InputError` with the problems of every arm that cannot be counted.
    """
    known = _known_counts(home, {job.digest for job in trainings.values()})
    counts = {arm: known[job.digest] for arm, job in trainings.items() if job.digest in known}
    shares, log = _shares([arm for arm in trainings if arm not in counts], trainings, workers), _log(home)
    children = side_by_side(server, "count", _requests(shares, trainings), folder=home, log=log)
    for share, child in zip(shares, children, strict=True):
        if child.failure is None:
            counted = dict(zip(share, CountReply.model_validate(child.value).counts, strict=True))
            counts |= counted
            _keep(home, {trainings[arm].digest: count for arm, count in counted.items()})
    raise_failures("count", children, log)
    return counts


def begin_counts(trainings: Mapping[str, TrainJob], *, workers: int, home: Path, server: ChildServer) -> None:
    """Have counted meanwhile what `exact_counts` will be asked for."""
    known = _known_counts(home, {job.digest for job in trainings.values()})
    shares = _shares([arm for arm, job in trainings.items() if job.digest not in known], trainings, workers)
    for request in _requests(shares, trainings):
        server.begin("count", request, folder=home, log=_log(home))


def _requests(shares: Sequence[Sequence[str]], trainings: Mapping[str, TrainJob]) -> list[CountRequest]:
    return [CountRequest(jobs=tuple(trainings[arm] for arm in share)) for share in shares]


def _log(home: Path) -> Path:
    return home / "logs" / "count.txt"


def _shares(arms: Sequence[str], trainings: Mapping[str, TrainJob], workers: int) -> list[list[str]]:
    """Arms for each child: those on the same rows together, so that no row is rendered twice."""
    by_rows: dict[tuple[str, str], list[str]] = {}
    for arm in arms:
        by_rows.setdefault((trainings[arm].model.sha256, trainings[arm].data.sha256), []).append(arm)
    shares: list[list[str]] = [[] for _ in range(workers)]
    for same_rows in sorted(by_rows.values(), key=len, reverse=True):
        min(shares, key=len).extend(same_rows)
    return [share for share in shares if share]


_read: dict[tuple[Path, str], PlannedCounts] = {}
"""Counts that this process has read: a plan looks at each twice."""


def _known_counts(home: Path, digests: Collection[str]) -> dict[str, PlannedCounts]:
    """Counts that are kept below `home`, by digest."""
    file = _counts_file(home)
    if not all((file, digest) in _read for digest in digests):
        for line in _lines(file):
            digest, _, count = line.partition(b" ")
            if (key := (file, digest.decode("ascii", "replace"))) not in _read and key[1] in digests:
                with contextlib.suppress(ValidationError):  # torn: counted again
                    _read[key] = PlannedCounts.model_validate_json(count)
    return {digest: _read[file, digest] for digest in digests if (file, digest) in _read}


def _lines(file: Path) -> list[bytes]:
    try:
        return file.read_bytes().splitlines()
    except OSError:
        return []


def _keep(home: Path, counts: Mapping[str, PlannedCounts]) -> None:
    """Append in one write, for others may do so too. Not synced: what a crash tore is counted again."""
    file = _counts_file(home)
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"\n{digest} {count.model_dump_json()}" for digest, count in counts.items())
    with file.open("ab", buffering=0) as appended:
        appended.write(f"{lines}\n".encode())


def _counts_file(home: Path) -> Path:
    """One file of `DIGEST COUNTS` lines for this version of the code that counts: of a thousand arms, as many files
    would take longer to open than all else that a plan does."""
    return home / "counts" / f"{own_code(home).digest('bench.train.planning.exact_counts')}.txt"
