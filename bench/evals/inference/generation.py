"""Batched text generation: greedy, or sampled with a generator of each request's own.

Contract: a request's answer does not depend on the requests beside it, but for rounding: prompts are padded on the left
with positions counted from their own first token, what all of a batch begin with is computed once, a finished row is
ignored and soon dropped from the batch, and a sampled row draws from its own seeded generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from bench.evals.inference.forward import SLOTS, batches, padded
from bench.evals.inference.pass_counts import counted_logits
from bench.evals.inference.shared_prefix import left_inputs, prefix_or_empty
from bench.text import SplitAnswer, ends_inside_thinking, is_thinking_tag, split_thinking

_TAG_TOKENS = 16
"""Tokens that a tag around thinking spans at most."""
KEPT_SHARE = 0.75
"""A batch is cut down to its unfinished rows once they are at most this share of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSampling:
    """How tokens are drawn."""

    temperature: float
    """Above 0."""
    top_k: int | None
    top_p: float | None
    """Smallest set of tokens with at least this probability (Holtzman et al. 2020)."""
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One prompt to continue."""

    prompt: tuple[int, ...]
    stop_ids: frozenset[int]
    """Tokens that end the answer and are not part of it."""
    until: tuple[str, ...]
    """Texts that end the answer and are not part of it."""
    max_new_tokens: int
    sampling: TokenSampling | None = None
    """`None`: greedy."""
    strip_thinking: bool = False
    """Whether a block of thinking is no part of the answer; `until` then ends an answer behind it only."""
    thinking_begun: bool = False
    """Whether the prompt ends inside such a block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One answer."""

    text: str
    ids: tuple[int, ...]
    """Token ids as generated, with the stop token where there was one."""
    ended: bool
    """By a stop token or text, not by its length."""
    thinking: str | None = None
    """The thinking that was stripped; `None` without any."""
    unfinished_thinking: bool = False
    """Whether the thinking never ended, so that there is no answer."""


@dataclass(slots=True, kw_only=True)
class _Row:
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
    def live(self) -> bool:
        return not (self.ended or self.broken or len(self.ids) >= self.request.max_new_tokens)


def generate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    requests: Sequence[GenerationRequest],
    *,
    slots: int = SLOTS,
    report: Callable[[int], None] = lambda _: None,
) -> list[Generation | None]:
    """Answers in the order of `requests`; `None` where the model's logits were not finite.

    Batches hold prompts of similar length and at most `slots` slots, answers included. `report` hears how many
    requests each batch finished.
    """
    answers: list[Generation | None] = [None] * len(requests)
    for batch in batches([len(r.prompt) + r.max_new_tokens for r in requests], slots=slots):
        rows = [_row(requests[index]) for index in batch]
        _answer(model, tokenizer, rows)
        for index, row in zip(batch, rows, strict=True):
            answers[index] = None if row.broken else _finish(tokenizer, row)
        report(len(batch))
    return answers


def _row(request: GenerationRequest) -> _Row:
    generator = None if request.sampling is None else torch.Generator().manual_seed(request.sampling.seed)
    return _Row(request=request, generator=generator, thinks=request.strip_thinking and request.thinking_begun)


@torch.inference_mode()
def _answer(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[_Row]) -> None:
    """Generates until every row is finished."""
    live = [row for row in rows if row.live]
    if not live:
        return
    device = model.device
    beginning = prefix_or_empty(model, [row.request.prompt for row in live])
    cache = beginning.cache
    prompts = [row.request.prompt[beginning.length :] for row in live]
    ids = padded(prompts, fill=0, left=True).to(device)
    mask, positions = left_inputs(prompts, beginning.length, device)
    batch, unread = list(live), sum(map(len, prompts))
    while True:
        at = torch.arange(len(batch), device=device)
        logits = counted_logits(
            model,
            at,
            torch.full_like(at, ids.shape[1] - 1),
            tokens=unread,
            behind=mask.shape[1] - ids.shape[1],
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        )
        tokens = _choose(logits, batch)
        _take(tokenizer, batch, tokens)
        kept = [index for index, row in enumerate(batch) if row.live]
        if not kept:
            return
        unread = len(kept)
        ids = torch.tensor(tokens, device=device).unsqueeze(1)
        positions = positions[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones((len(batch), 1))], dim=1)
        if len(kept) <= KEPT_SHARE * len(batch) and _select(cache, chosen := torch.tensor(kept, device=device)):
            ids, positions, mask, batch = ids[chosen], positions[chosen], mask[chosen], [batch[i] for i in kept]


def _select(cache: DynamicCache, rows: Tensor) -> bool:
    """Keeps `rows` of the cache; false, and nothing done, where a layer cannot (recurrent states)."""
    if not all(hasattr(layer, "batch_select_indices") for layer in cache.layers):
        return False
    cache.batch_select_indices(rows)
    return True


def _choose(logits: Tensor, batch: Sequence[_Row]) -> list[int]:
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


def _take(tokenizer: PreTrainedTokenizerBase, batch: Sequence[_Row], tokens: Sequence[int]) -> None:
    """Adds each live row's token and sees whether it ends the answer."""
    watched: list[_Row] = []
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


def _follow_thinking(tokenizer: PreTrainedTokenizerBase, rows: Sequence[_Row]) -> None:
    """Notes where thinking begins and ends, from each row's tokens behind the last tag."""
    tails = [row.ids[max(row.answer_from, len(row.ids) - _TAG_TOKENS) :] for row in rows]
    for row, tail in zip(rows, tokenizer.batch_decode(tails) if tails else [], strict=True):
        thinks = ends_inside_thinking(tail, begun=row.thinks)
        if thinks is not row.thinks:
            row.thinks, row.answer_from = thinks, len(row.ids)


def _finish(tokenizer: PreTrainedTokenizerBase, row: _Row) -> Generation:
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
