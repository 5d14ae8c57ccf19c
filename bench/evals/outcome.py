"""The output of an eval of any kind, names of examples, and how scores are written."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from bench.atomic import write_text
from bench.data.render.row import Row
from bench.emit import Emit, ExamplesDone
from bench.record.files import SCORES
from bench.record.results.evals.evaluation import Generated, GroupMeasure, Measure, ScoreRow

NOT_FINITE = "the model's output is not finite"
"""Why an example has no score."""
NOT_PRINTED = "the template cannot print the example"
"""Why a row that `odd_rows` lets pass has no score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalOutput:
    """Scores of one subject on one eval."""

    rows: tuple[ScoreRow, ...]
    measures: tuple[Measure, ...]
    template: str
    """How prompts were wrapped: a template's name, or `none`."""
    batch: str
    """How examples were batched."""
    truncated: int
    """Examples whose text was cut to fit the model's context."""
    strip_thinking: bool = False
    """Whether answers were scored without their thinking."""
    generated_tokens: int | None = None
    generated: Generated | None = None
    groups: tuple[GroupMeasure, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    datasets: dict[str, str] = field(default_factory=dict)
    available: dict[str, int] = field(default_factory=dict)

    def reported(self) -> dict[str, Any]:
        """The fields of the job's result (`bench.record.results.evals.evaluation.EvalResult`), whoever was asked."""
        return {
            **{part.name: getattr(self, part.name) for part in fields(self) if part.name != "rows"},
            "unscored": unscored(self.rows),
            "unfinished_thinking": sum(row.unfinished_thinking for row in self.rows),
        }


def cluster_of_row(row: Row, column: str | None) -> str | None:
    """What the row has in common with those that are not independent of it; `None` without such a column."""
    return None if column is None else "; ".join(dict(row.turns[-1].slices).get(column, ())) or None


def slices_of_row(row: Row, columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The row's values of the columns by which scores are shown."""
    return {name: values for name, values in row.turns[-1].slices if name in columns}


def row_content(row: Row) -> str:
    """What of a row makes it the example that it is: its turns, without where they come from."""
    return row.model_dump_json(exclude={"origin": True, "turns": {"__all__": {"slices"}}})


def row_ids(rows: Sequence[Row]) -> list[str]:
    """Names of examples by their content, the same over subjects, runs and the order of rows; a repeated row gets `-2`,
    `-3` and so on."""
    repeats: Counter[str] = Counter()
    ids = []
    for row in rows:
        content = hashlib.sha256(row_content(row).encode()).hexdigest()[:16]
        repeats[content] += 1
        ids.append(content if repeats[content] == 1 else f"{content}-{repeats[content]}")
    return ids


def unscored(rows: Iterable[ScoreRow]) -> dict[str, int]:
    """How many rows lack a score, by reason; the most frequent first."""
    return dict(Counter(row.unscored for row in rows if row.unscored is not None).most_common())


def write_scores(folder: Path, rows: Iterable[ScoreRow]) -> None:
    """Writes `scores.jsonl`, whole or not at all."""
    write_text(folder / SCORES, "".join(f"{row.model_dump_json()}\n" for row in rows))


class ExampleProgress:
    """Emits how many examples are done: none when the scoring begins, then after each finished part of them."""

    def __init__(self, emit: Emit, total: int) -> None:
        self._emit = emit
        self._total = total
        self._done = 0.0
        self._tell()

    def part(self, examples: int, parts: int) -> Callable[[int], None]:
        """A listener for work on `examples` examples that comes in `parts` parts; it hears finished parts."""

        def report(finished: int) -> None:
            self._done += examples * finished / max(parts, 1)
            self._tell()

        return report

    def _tell(self) -> None:
        done = min(self._total, round(self._done))
        self._emit(ExamplesDone(done=done, total=self._total))
