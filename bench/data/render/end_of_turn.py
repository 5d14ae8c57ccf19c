"""How an answer ends: the ids that close it in training, and what generation stops at in evaluation.

Contract: an ending always closes with a token at which generation stops. It is the template's own end of turn where
that is a token. Where the template prints none, it is the token that opens the next turn if the base's own generation
stops at that (GLM's `<|user|>`); else what the template prints, spelled out, and the end token after it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.data.render.encoder import Encoder
from bench.errors import InputError, Problem

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What closes an answer."""

    ids: tuple[int, ...]
    stop_ids: tuple[int, ...]
    """At which generation stops; the last of `ids` is the first of them."""
    stop_strings: tuple[str, ...] = ()
    note: str | None = None
    """What a report must say about it."""


def ending(tokenizer: PreTrainedTokenizerBase, encoder: Encoder, *, tail: str, end_id: int) -> Ending:
    """The ending under a template that prints `tail` after an answer; `end_id` ends an answer where it does not say."""
    ids = encoder.follow(tail, special=True) if tail else []
    final = {end_id, *tokenizer.all_special_ids}
    at = next((position for position, token in enumerate(ids) if token in final), None)
    end_of_sequence = tokenizer.eos_token_id
    if at is not None:
        stops = dict.fromkeys([ids[at], end_id, *([] if end_of_sequence is None else [end_of_sequence])])
        return Ending(ids=tuple(ids[: at + 1]), stop_ids=tuple(stops))
    text = tail.rstrip()
    ids = encoder.follow(text, special=True) if text else []
    stops = dict.fromkeys([end_id, *([] if end_of_sequence is None else [end_of_sequence])])
    note = f"{text!r} is no token here: it is spelled out, and the end token follows it" if text else None
    return Ending(ids=(*ids, end_id), stop_ids=tuple(stops), stop_strings=(text,) if text else (), note=note)


def end_token(tokenizer: PreTrainedTokenizerBase, end_of_turn: str | None) -> int:
    """Id of the token `end_of_turn`; of end-of-sequence where it is `None`. Raises `InputError` where there is none."""
    if end_of_turn is None:
        if tokenizer.eos_token_id is None:
            raise InputError(
                Problem(
                    reference="model.no-end-of-sequence",
                    what="the tokenizer has no end-of-sequence token, so that no answer could end",
                    where="model",
                    hint="name the token that ends an answer as end_of_turn in a model card",
                )
            )
        return int(tokenizer.eos_token_id)
    token = tokenizer.convert_tokens_to_ids(end_of_turn)
    if not isinstance(token, int) or tokenizer.convert_ids_to_tokens(token) != end_of_turn:
        raise InputError(
            Problem(
                reference="model.unknown-end-of-turn",
                what=f"end_of_turn {end_of_turn!r} is no token of this tokenizer",
                where="model",
                hint="see the tokenizer's special tokens",
            )
        )
    return token


def generation_stops(folder: Path) -> tuple[int, ...]:
    """Ids at which the base's own generation_config.json ends an answer; none where it does not say."""
    try:
        ids = json.loads((folder / "generation_config.json").read_text(encoding="utf-8")).get("eos_token_id")
    except (OSError, ValueError, AttributeError):
        return ()
    return tuple(id_ for id_ in (ids if isinstance(ids, list) else [ids]) if isinstance(id_, int))
