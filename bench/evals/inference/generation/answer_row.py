"""A request while it is being answered: which token comes next, and what ends the answer.

Contract: a row's tokens depend on its own logits, its own seeded generator and its own text alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from bench.evals.inference.generation.request import Generation, GenerationRequest, TokenSampling
from bench.text import SplitAnswer, ends_inside_thinking, is_thinking_tag, split_thinking

_TAG_TOKENS = 16
"""Tokens that a tag around thinking spans at most."""


@dataclass(slots=True, kw_only=True)
class AnswerRow:
    """A request while it is being answered."""

    request: GenerationRequest
    ids: list[int] = field(default_factory=list)
    ended: bool = False
    broken: bool = False
    """The model gave no finite logits."""
    generator: torch.Generator | None = None
    answer_from: int = 0
    """Number of the first token behind the last tag around thinking."""
    thinks: bool = False
    """Whether the tokens so far end inside a block of thinking."""

    @property
    def positions(self) -> int:
        """Positions that the row takes at most: its prompt and the longest answer."""
        return len(self.request.prompt) + self.request.max_new_tokens

    @property
    def positions_so_far(self) -> int:
        """Positions of the prompt and the tokens so far."""
        return len(self.request.prompt) + len(self.ids)

    @property
    def live(self) -> bool:
        """Whether the answer goes on."""
        return not (self.ended or self.broken or len(self.ids) >= self.request.max_new_tokens)


def answer_row(request: GenerationRequest) -> AnswerRow:
    """A request before its first token."""
    generator = None if request.sampling is None else torch.Generator().manual_seed(request.sampling.seed)
    return AnswerRow(request=request, generator=generator, thinks=request.strip_thinking and request.thinking_begun)


def choose_tokens(logits: Tensor, batch: Sequence[AnswerRow]) -> list[int]:
    """Next token of each row from logits [rows, vocabulary]; marks rows whose logits are not finite."""
    best, tokens = logits.max(1)
    chosen: list[int] = tokens.tolist()
    for index, finite in enumerate(best.isfinite().tolist()):
        row = batch[index]
        if not finite:
            row.broken, chosen[index] = row.live or row.broken, 0
        elif row.live and row.request.sampling is not None and row.generator is not None:
            chosen[index] = _draw(logits[index].cpu(), row.request.sampling, row.generator)
    return chosen


def _draw(logits: Tensor, sampling: TokenSampling, generator: torch.Generator) -> int:
    """One token from logits [vocabulary]."""
    logits = logits / sampling.temperature
    if sampling.top_k is not None and sampling.top_k < logits.numel():
        logits = logits.masked_fill(logits < logits.topk(sampling.top_k).values[-1], -torch.inf)
    probabilities = logits.softmax(0)
    if sampling.top_p is not None and sampling.top_p < 1:
        ordered, order = probabilities.sort(descending=True)
        outside = ordered.cumsum(0) - ordered >= sampling.top_p
        probabilities = probabilities.index_fill(0, order[outside], 0.0)
    return int(torch.multinomial(probabilities, 1, generator=generator))


def take_tokens(tokenizer: PreTrainedTokenizerBase, batch: Sequence[AnswerRow], tokens: Sequence[int]) -> None:
    """Adds each live row's token and sees whether it ends the answer."""
    watched: list[AnswerRow] = []
    for row, token in zip(batch, tokens, strict=True):
        if not row.live:
            continue
        row.ids.append(token)
        row.ended = token in row.request.stop_ids
        if not row.ended and row.request.until:
            watched.append(row)
    _follow_thinking(tokenizer, [row for row in watched if row.request.strip_thinking])
    watched = [row for row in watched if not row.thinks]
    # A text of n characters spans at most as many tokens as it has bytes; some more for half-decoded ones.
    sizes = [max(len(text.encode()) for text in row.request.until) + 4 for row in watched]
    starts = [max(row.answer_from, len(row.ids) - size) for row, size in zip(watched, sizes, strict=True)]
    tails = [row.ids[start:] for row, start in zip(watched, starts, strict=True)]
    for row, start, tail in zip(watched, starts, tokenizer.batch_decode(tails) if tails else [], strict=True):
        said = tail.lstrip() if row.answer_from and start == row.answer_from else tail
        row.ended = any(text in said for text in row.request.until)


def _follow_thinking(tokenizer: PreTrainedTokenizerBase, rows: Sequence[AnswerRow]) -> None:
    """Notes where thinking begins and ends, from each row's tokens behind the last tag."""
    tails = [row.ids[max(row.answer_from, len(row.ids) - _TAG_TOKENS) :] for row in rows]
    for row, tail in zip(rows, tokenizer.batch_decode(tails) if tails else [], strict=True):
        thinks = ends_inside_thinking(tail, begun=row.thinks)
        if thinks is not row.thinks:
            row.thinks, row.answer_from = thinks, len(row.ids)


def finish(tokenizer: PreTrainedTokenizerBase, row: AnswerRow) -> Generation:
    """The answer's text, without what ended it."""
    ids = row.ids[:-1] if row.ids and row.ids[-1] in row.request.stop_ids else row.ids
    split = SplitAnswer(answer=str(tokenizer.decode(ids, skip_special_tokens=True)), thinking=None, finished=True)
    if row.request.strip_thinking:
        split = split_thinking(_with_tags(tokenizer, ids), begun=row.request.thinking_begun)
    text = split.answer
    for end in row.request.until:
        text = text.split(end)[0]
    return Generation(
        text=text,
        ids=tuple(row.ids),
        ended=row.ended,
        thinking=split.thinking,
        unfinished_thinking=not split.finished,
    )


def _with_tags(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """The text without special tokens, but with the tags around thinking, which some tokenizers count as special."""
    text = str(tokenizer.decode(ids, skip_special_tokens=False))
    for token in tokenizer.all_special_tokens:
        text = text if is_thinking_tag(token) else text.replace(token, "")
    return text
