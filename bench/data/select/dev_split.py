"""The dev rows of a learning-rate sweep, and what is left of the data to train the sweep on.

Contract: no question of a dev row is among the rows that the sweep trains on, nor among the rows of any eval. The draw
depends on the rows alone. Both parts are stored like selections, and found again without reading rows.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.atomic import write_text
from bench.code_digest import own_code
from bench.data.store import is_whole, load_rows, write_rows
from bench.digest import digest_json
from bench.errors import InputError, Problem
from bench.spec import Spec
from bench.suite.resolved import ResolvedData

DEV_ROW_SHARE = 0.1
"""Share of the distinct rows that is held out for choosing a rate."""
MOST_DEV_ROWS = 500
"""A loss over 500 rows tells settings apart; more would only cost training rows and time."""
_SEED = 0


class DevSplit(Spec):
    """What a sweep trains on, and the rows whose loss chooses."""

    part: ResolvedData
    dev: ResolvedData


def split_dev(data: ResolvedData, evals: Sequence[ResolvedData], *, home: Path) -> DevSplit:
    """A tenth of the distinct rows of `data` (at most 500) as dev rows, drawn from those that no eval has; the rest.

    Raises `InputError` where fewer than two distinct rows are left to draw from.
    """
    memo = _memo(home, "drawn", data, evals)
    if (recalled := _recall(memo)) is not None:
        return recalled
    rows = list(_rows(data))
    seen = {row.content for other in evals for row in _rows(other)}
    free = sorted({row.content for row in rows} - seen)
    if len(free) < 2:
        what = f"data {data.name!r} has too few rows outside the evals to hold some out for a sweep"
        hint = 'name another table as on = "NAME" in the sweep, or give one value'
        raise InputError(Problem(reference="sweep.no-dev", what=what, where=f"data.{data.name}", hint=hint))
    drawn = _some(set(free), max(1, int(len(free) * DEV_ROW_SHARE)))
    return _store(memo, home, (data, rows), (data, rows), dev=drawn)


def use_dev(data: ResolvedData, source: ResolvedData, evals: Sequence[ResolvedData], *, home: Path) -> DevSplit:
    """At most 500 rows of `source` that no eval has as dev rows, and `data` without them.

    Raises `InputError` if one of them has no row.
    """
    memo = _memo(home, "named", data, [source, *evals])
    if (recalled := _recall(memo)) is not None:
        return recalled
    seen = {row.content for other in evals for row in _rows(other)}
    rows, offered = list(_rows(data)), list(_rows(source))
    dev = _some({row.content for row in offered} - seen)
    if not dev or not {row.content for row in rows} - dev:
        lacks = (
            "no row that no eval reads" if not dev else f"every row of data {data.name!r}: nothing is left to train on"
        )
        what = f"data {source.name!r}, which a sweep is to choose by, has {lacks}"
        raise InputError(Problem(reference="sweep.no-dev", what=what, where=f"data.{source.name}", hint='on = "dev"'))
    return _store(memo, home, (data, rows), (source, offered), dev=dev)


def _some(rows: set[bytes], size: int = MOST_DEV_ROWS) -> set[bytes]:
    """Up to `size` of the rows, at most 500, drawn at random with a fixed seed."""
    offered, size = sorted(rows), min(size, MOST_DEV_ROWS)
    if len(offered) <= size:
        return rows
    import numpy as np  # a split that is there already needs none

    return {offered[index] for index in np.random.default_rng(_SEED).choice(len(offered), size=size, replace=False)}


@dataclass(frozen=True, slots=True)
class _Line:
    content: bytes
    """Hash of the question; of the whole row where it is plain text."""
    turns: bytes
    origin: str


_TableLines = tuple[ResolvedData, Iterable[_Line]]
"""A table and its rows."""


def _rows(data: ResolvedData) -> Iterator[_Line]:
    for row in load_rows(data.path):
        turns = [turn.model_dump(mode="json", exclude_defaults=True) for turn in row.turns]
        prompt = turns[:-1] or turns
        content = hashlib.sha256(json.dumps(prompt, ensure_ascii=False).encode()).digest()
        yield _Line(content, json.dumps(turns, ensure_ascii=False).encode(), row.origin)


def _store(
    memo: Path,
    home: Path,
    data: _TableLines,
    source: _TableLines,
    *,
    dev: set[bytes],
) -> DevSplit:
    """`dev`: the questions of the dev rows, which are taken from the rows of `source`."""
    part = [row for row in data[1] if row.content not in dev]
    held = list({row.content: row for row in source[1] if row.content in dev}.values())
    split = DevSplit(
        part=_resolved(data[0], part, home, "dev rows of the sweep"),
        dev=_resolved(source[0], held, home, "not among the dev rows"),
    )
    write_text(memo, split.model_dump_json())
    return split


def _resolved(data: ResolvedData, rows: Sequence[_Line], home: Path, left_out: str) -> ResolvedData:
    path, sha256 = write_rows(((row.turns, row.origin) for row in rows), home / "data")
    dropped = {**data.dropped, left_out: data.rows - len(rows)}
    return data.model_copy(update={"rows": len(rows), "sha256": sha256, "path": str(path), "dropped": dropped})


def _memo(home: Path, how: str, data: ResolvedData, others: Sequence[ResolvedData]) -> Path:
    parts = [
        how,
        data.model_dump(mode="json"),
        [[other.sha256, other.name] for other in others],
        own_code(home).digest(__name__),
    ]
    return home / "data" / "dev" / f"{digest_json(parts)}.json"


def _recall(memo: Path) -> DevSplit | None:
    try:
        split = DevSplit.model_validate_json(memo.read_bytes())
    except (OSError, ValueError):
        return None
    return split if is_whole(Path(split.part.path)) and is_whole(Path(split.dev.path)) else None
