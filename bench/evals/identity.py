"""Names of examples that stay the same over subjects, runs and the order of rows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from bench.data.render.row import Row


def row_ids(rows: Sequence[Row]) -> list[str]:
    """By the row's content, not by where it came from; a repeated row gets `-2`, `-3` and so on."""
    seen: Counter[str] = Counter()
    ids = []
    for row in rows:
        content = hashlib.sha256(row.model_dump_json(exclude={"origin"}).encode()).hexdigest()[:16]
        seen[content] += 1
        ids.append(content if seen[content] == 1 else f"{content}-{seen[content]}")
    return ids
