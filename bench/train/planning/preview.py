"""Preview of a training's rows, without training: some rows in full, and figures on all of them.

Contract: rows are rendered by the code that training renders them with. They are measured before they are cut, so that
what a longer `max_length` would keep is seen: all of up to `MEASURED` rows, else as many, evenly spaced. Duplicates are
counted over all.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.data.render.render import Renderer, make_renderer
from bench.data.render.row import Row
from bench.data.sources.table import content_key
from bench.data.store import load_rows
from bench.emit import Emit, RowsMeasured
from bench.errors import InputError
from bench.model.loading.load import load_tokenizer
from bench.record.results.training.preview import Bin, Preview, ShownRow
from bench.suite.resolved import ResolvedData, ResolvedModel
from bench.suite.tables.data import may_be_left_out
from bench.train.batches.encoded_row import RenderedRow, RowRenderer
from bench.train.batches.loss_mask import LossOn, supervised
from bench.train.batches.segments import segments
from bench.train.training_data import UNCUT

MEASURED = 10_000
_EMIT_EVERY = 500
_SHORTEST_BIN = 16


def preview(
    model: ResolvedModel,
    data: ResolvedData,
    *,
    max_length: int,
    loss_on: LossOn,
    end_token: bool,
    rows: int,
    emit: Emit,
) -> Preview:
    """The first `rows` rows as segments of supervised and masked text, and what there is to count.

    A row that the template cannot print is left out and counted; raises `InputError` where more of them are than may be
    (`bench.suite.tables.data.DataSpec.odd_rows`).
    """
    renderer = make_renderer(load_tokenizer(model), model, UNCUT, closed=end_token)
    masked = supervised(renderer, loss_on)
    stored = load_rows(Path(data.path))
    examples = tuple(_shown(renderer, done, max_length, row) for row, done in _printable(stored, masked, rows))
    measured = min(MEASURED, len(stored))
    sample = [stored[number * len(stored) // measured] for number in range(measured)]
    counts = _count(sample, masked, max_length, emit)
    if counts.refused and not (counts.lengths and may_be_left_out(len(counts.refused), measured, data.odd_rows)):
        raise counts.refused[0]
    return Preview(
        template=renderer.template_of_rows,
        template_note=renderer.template_note,
        measured=measured,
        tokens=counts.tokens,
        supervised_tokens=counts.supervised_tokens,
        truncated=counts.truncated,
        tokens_cut_off=sum(counts.lengths) - counts.tokens,
        nothing_supervised=counts.nothing_supervised,
        refused=len(counts.refused),
        refused_first=_first(counts.refused),
        duplicates=_duplicates(Path(data.path)),
        median=sorted(counts.lengths)[len(counts.lengths) // 2],
        longest=max(counts.lengths),
        histogram=histogram(counts.lengths),
        examples=examples,
    )


@dataclass(slots=True, kw_only=True)
class _RowCounts:
    """What there is to count of some rows, cut to a length."""

    lengths: list[int] = field(default_factory=list)
    """Tokens of each row that the template can print, before the cut."""
    refused: list[InputError] = field(default_factory=list)
    tokens: int = 0
    supervised_tokens: int = 0
    truncated: int = 0
    nothing_supervised: int = 0


def _count(rows: Sequence[Row], masked: RowRenderer, max_length: int, emit: Emit) -> _RowCounts:
    counts = _RowCounts()
    for number, row in enumerate(rows):
        try:
            rendered = masked.row(row)
        except InputError as error:
            counts.refused.append(error)
            continue
        length, learned = len(rendered.input_ids), _supervised(rendered, max_length)
        counts.lengths.append(length)
        counts.tokens += min(length, max_length)
        counts.supervised_tokens += learned
        counts.truncated += length > max_length
        counts.nothing_supervised += learned == 0 and not row.turns[-1].kept
        if number % _EMIT_EVERY == 0:
            emit(RowsMeasured(done=number, total=len(rows)))
    return counts


def _printable(stored: Sequence[Row], masked: RowRenderer, most: int) -> Iterator[tuple[Row, RenderedRow]]:
    """The first `most` rows that the template prints, each with what it becomes."""
    shown = 0
    for row in stored if most else ():
        try:
            rendered = masked.row(row)
        except InputError:
            continue
        yield row, rendered
        shown += 1
        if shown >= most:
            return


def _first(refused: Sequence[InputError]) -> str | None:
    """What is wrong with the first of these rows, and where it is."""
    problem = refused[0].problems[0] if refused else None
    return None if problem is None else f"{problem.where}: {problem.what}"


def histogram(lengths: list[int]) -> tuple[Bin, ...]:
    """Rows by length in tokens, in bins that double: up to 16, 17 to 32, … up to the longest row's."""
    bins: list[Bin] = []
    low, high = 1, _SHORTEST_BIN
    while not bins or low <= max(lengths):
        rows = sum((low <= length or not bins) and length <= high for length in lengths)
        bins.append(Bin(from_tokens=low, to_tokens=high, rows=rows))
        low, high = high + 1, high * 2
    return tuple(bins)


def _supervised(rendered: RenderedRow, max_length: int) -> int:
    """Supervised tokens after the cut. Nothing comes before the first token, so it is never learned."""
    return sum(rendered.labels_mask[1:max_length])


def _shown(renderer: Renderer, rendered: RenderedRow, max_length: int, row: Row) -> ShownRow:
    return ShownRow(
        origin=row.origin,
        kept=row.turns[-1].kept,
        tokens=min(len(rendered.input_ids), max_length),
        supervised_tokens=_supervised(rendered, max_length),
        cut_off=max(0, len(rendered.input_ids) - max_length),
        segments=tuple(
            segments(renderer.tokenizer, rendered.input_ids[:max_length], [False, *rendered.labels_mask[1:max_length]])
        ),
    )


def _duplicates(path: Path) -> int:
    """Rows that repeat an earlier one but for letter case and white space."""
    seen: set[int] = set()
    count = 0
    with path.open("rb") as file:
        for line in file:
            seen.add(content_key(json.loads(line)["turns"]))
            count += 1
    return count - len(seen)
