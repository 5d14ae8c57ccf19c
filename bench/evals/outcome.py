"""Subjects of evals, the output of an eval of any kind, and how scores are written."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from bench.atomic import write_text
from bench.data.render.render import Renderer
from bench.data.render.row import Row
from bench.data.store import load_rows
from bench.emit import Emit
from bench.evals.inference.batch_check import CountedGenerator
from bench.evals.inference.forward import SLOTS
from bench.evals.inference.scoring import Scorer
from bench.record.eval_job import EvalJob
from bench.record.evaluation import Generated, GroupMeasure, Measure, ScoreRow
from bench.record.files import SCORES
from bench.text import mentions_thinking

NOT_FINITE = "the model's output is not finite"
"""Why an example has no score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A loaded model with tokenizer and renderer, ready for prompts."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    renderer: Renderer
    context_length: int
    """Positions."""
    most_rows: int | None = None
    """Rows of an eval to take; `None`: all. A rehearsal takes a few."""

    def scorer(self, *, slots: int = SLOTS) -> Scorer:
        """What scores continuations with this subject."""
        return Scorer(self.model, slots=slots)

    def generator(self, *, slots: int = SLOTS) -> CountedGenerator:
        """What generates this subject's answers."""
        return CountedGenerator(model=self.model, tokenizer=self.tokenizer, slots=slots)

    def rows(self, job: EvalJob) -> Sequence[Row]:
        """The eval's own rows, in order."""
        assert job.data is not None, "an eval with rows"
        return load_rows(job.data.path)[: self.most_rows]


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


def row_ids(rows: Sequence[Row]) -> list[str]:
    """Names of examples by their content, the same over subjects, runs and the order of rows; a repeated row gets `-2`,
    `-3` and so on."""
    repeats: Counter[str] = Counter()
    ids = []
    for row in rows:
        content = hashlib.sha256(row.model_dump_json(exclude={"origin"}).encode()).hexdigest()[:16]
        repeats[content] += 1
        ids.append(content if repeats[content] == 1 else f"{content}-{repeats[content]}")
    return ids


def strips_thinking(asked: bool | None, subject: Subject, *, wrapped: bool) -> bool:
    """Whether an eval scores answers without their thinking: as asked, else where the template has thinking."""
    return asked if asked is not None else wrapped and mentions_thinking(subject.renderer.template.text)


def unscored(rows: Iterable[ScoreRow]) -> dict[str, int]:
    """How many rows lack a score, by reason; the most frequent first."""
    return dict(Counter(row.unscored for row in rows if row.unscored is not None).most_common())


def write_scores(folder: Path, rows: Iterable[ScoreRow]) -> None:
    """Writes `scores.jsonl`, whole or not at all."""
    write_text(folder / SCORES, "".join(f"{row.model_dump_json()}\n" for row in rows))


class Progress:
    """Emits how many examples are done: none when the scoring begins, then after each finished part of them."""

    def __init__(self, emit: Emit, total: int) -> None:
        self._emit = emit
        self._total = total
        self._done = 0.0
        self._tell()

    def part(self, examples: int, parts: int) -> Callable[[int], None]:
        """A listener for work on `examples` examples that comes in `parts` parts; it hears finished parts."""

        def heard(finished: int) -> None:
            self._done += examples * finished / max(parts, 1)
            self._tell()

        return heard

    def _tell(self) -> None:
        done = min(self._total, round(self._done))
        self._emit({"type": "examples", "done": done, "total": self._total})
