"""Rows that a template or a model cannot take, found before any work: of what trains, and of what asks.

Contract: what is wrong alike in many rows is one problem, at the first of these rows. A few rows that the template
cannot print may be left out, as the data says (`bench.suite.tables.data.DataSpec.odd_rows`); a token beyond the model's
embedding is a fault of the model and always refused.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from bench.data.render.render import Renderer
from bench.data.render.row import Row
from bench.errors import InputError, Problem
from bench.suite.tables.data import OddRows, may_be_left_out

_KINDS = 5
"""Kinds of refused rows that are reported, the most frequent first."""
_NO_EMBEDDING = "template.no-embedding"
_PRINTED = "the row as the template prints it"


def refuse_rows(rows: Iterable[Row], check: Callable[[Row], None], odd_rows: OddRows) -> None:
    """Raises `InputError` for the rows that `check` raises it for, unless they are few enough to be left out."""
    refused: dict[str, list[Problem]] = {}
    total = faulty = 0
    for row in rows:
        total += 1
        try:
            check(row)
        except InputError as error:
            faulty += 1
            for problem in error.problems:
                refused.setdefault(problem.what, []).append(problem)
    lacking = any(problem.reference == _NO_EMBEDDING for problems in refused.values() for problem in problems)
    if refused and (lacking or faulty == total or not may_be_left_out(faulty, total, odd_rows)):
        raise InputError(_counted(problems) for problems in sorted(refused.values(), key=len)[: -_KINDS - 1 : -1])


def check_embedded(
    renderer: Renderer, ids: Iterable[int], embedded: int, origin: str | None, *, of: str = _PRINTED
) -> None:
    """Raises `InputError` for ids that an embedding of `embedded` rows does not have. `of`: what the ids are of."""
    lacking = sorted({token for token in ids if token >= embedded})
    if lacking:
        names = ", ".join(str(name) for name in renderer.tokenizer.convert_ids_to_tokens(lacking))
        what = f"{of} has {names}, and the model's embedding has {embedded:,} rows"
        hint = "add the rows: model.resize_token_embeddings(len(tokenizer)), model.save_pretrained(folder)"
        raise InputError(Problem(reference=_NO_EMBEDDING, what=what, where=origin, hint=hint))


def _counted(problems: Sequence[Problem]) -> Problem:
    """The first of equal problems, with the number of the others."""
    first, *others = problems
    rows = "row" if len(others) == 1 else "rows"
    return replace(first, what=f"{first.what}, as of {len(others):,} more {rows}") if others else first
