"""Answers of a model that llama.cpp computes: rows in work have places of its own, which finished ones give back.

Contract: as `ContinuousBatch`: rows in work, their answers included, take at most the given slots, and one row that
needs more is alone in work. Prompts are read in one pass; then every pass adds one token to each row.
"""

from collections import deque
from collections.abc import Callable, Sequence

from transformers import PreTrainedTokenizerBase

from bench.evals.inference.generation.answer_row import AnswerRow, choose_tokens, take_tokens
from bench.evals.inference.pass_counts import pass_counts
from bench.model.forward import SLOTS
from bench.model.loading.llama_cpp import ROWS, LlamaCppModel


def answer_by_llama_cpp(
    model: LlamaCppModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[AnswerRow],
    *,
    slots: int,
    take: Callable[[Sequence[AnswerRow]], None],
) -> None:
    """Answers every row; `take` gets the rows that each pass finished."""
    waiting = deque(sorted(rows, key=lambda row: -row.positions))
    # A pass looks at all places, so that more of them than are needed cost time.
    cells = max(min(slots, SLOTS), waiting[0].positions)
    working: dict[int, AnswerRow] = {}
    while waiting or working:
        begun: dict[int, AnswerRow] = {}
        for place in set(range(ROWS)) - working.keys():
            taken = sum(row.positions for row in (*working.values(), *begun.values()))
            if not waiting or taken + waiting[0].positions > cells:
                break
            begun[place] = waiting.popleft()
        for batch in (begun, working):
            _add_tokens(model, tokenizer, batch, cells)
        working |= begun
        finished = {place: row for place, row in working.items() if not row.live}
        for place in finished:
            model.forget(place)
            del working[place]
        if finished:
            take(list(finished.values()))


def _add_tokens(
    model: LlamaCppModel, tokenizer: PreTrainedTokenizerBase, batch: dict[int, AnswerRow], cells: int
) -> None:
    """One token more for each row, behind its prompt or its last token."""
    if not batch:
        return
    new = [
        (place, row.positions_so_far - 1, row.ids[-1:]) if row.ids else (place, 0, row.request.prompt)
        for place, row in batch.items()
    ]
    rows = list(batch.values())
    take_tokens(tokenizer, rows, choose_tokens(model.decode(new, cells=cells), rows))
    pass_counts(model).add(
        tokens=sum(len(ids) for *_, ids in new),
        rows=len(new),
        width=max(len(ids) for *_, ids in new),
        behind=max(before for _, before, _ in new),
        reads=len(new),
    )
