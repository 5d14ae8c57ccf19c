"""Text to token ids, at the start of a sequence and in its middle.

Contract: ids of a prompt begin with what the tokenizer puts before every text, once; text that follows other text gets
the ids that it has there, without the blank that some tokenizers put before a first word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.data.render.special_tokens import pieces

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ANCHOR = "\n"
_Located = tuple[int, int, int]
"""A token's id, and where in the text its characters begin and end."""


class Encoder:
    """One tokenizer; `begin` are the ids that it puts before every text."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self.begin = self._beginning()
        self._anchor = self._dummy_prefix_anchor()

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Ids without added beginning or end; `special`: whether special tokens written in the text are meant."""
        return [token for token, _, _ in self._located(text, special=special, offsets=False)]

    def prompt(self, text: str) -> list[int]:
        """Ids of a prompt, guarded or not, with `begin` before them unless the text has it already."""
        return [token for token, _, _ in self._from_start(text, offsets=False)]

    def located_prompt(self, text: str) -> list[tuple[int, int, int]]:
        """Ids of a prompt, each with the characters of the text without guards that it stands for: begin and end.

        What the tokenizer puts before every text stands for none. Needs a fast tokenizer.
        """
        return self._from_start(text, offsets=True)

    def completion(self, text: str) -> list[int]:
        """Ids of a guarded text in mid-sequence."""
        return [token for piece, special in pieces(text) for token in self.follow(piece, special=special)]

    def follow(self, text: str, *, special: bool) -> list[int]:
        """Ids of text in mid-sequence: without the blank that some tokenizers put before the first word."""
        return [token for token, _, _ in self._following(text, special=special, offsets=False)]

    def _from_start(self, text: str, *, offsets: bool) -> list[_Located]:
        located: list[_Located] = []
        at = 0
        for piece, special in pieces(text):
            encode = self._following if at else self._located
            located += [
                (token, at + start, at + end) for token, start, end in encode(piece, special=special, offsets=offsets)
            ]
            at += len(piece)
        if [token for token, _, _ in located[: len(self.begin)]] == self.begin:
            return located
        return [*((token, 0, 0) for token in self.begin), *located]

    def _following(self, text: str, *, special: bool, offsets: bool) -> list[_Located]:
        if self._anchor is not None:
            whole = self._located(_ANCHOR + text, special=special, offsets=offsets)
            if [token for token, _, _ in whole[: len(self._anchor)]] == self._anchor:
                shift = len(_ANCHOR)
                return [(token, max(0, a - shift), b - shift) for token, a, b in whole[len(self._anchor) :]]
        return self._located(text, special=special, offsets=offsets)

    def _located(self, text: str, *, special: bool, offsets: bool) -> list[_Located]:
        """Ids with their places, which are 0 where `offsets` does not ask for them."""
        encoded = self._tokenizer(
            text,
            add_special_tokens=False,
            split_special_tokens=not special,
            return_offsets_mapping=offsets,
            verbose=False,  # a row above the model's length is cut and counted by the renderer
        )
        ids: list[int] = encoded["input_ids"]
        places = encoded["offset_mapping"] if offsets else [(0, 0)] * len(ids)
        return [(token, start, end) for token, (start, end) in zip(ids, places, strict=True)]

    def _beginning(self) -> list[int]:
        bare = self.encode("x")
        dressed: list[int] = self._tokenizer.encode("x", add_special_tokens=True)
        starts = range(len(dressed) - len(bare) + 1)
        return next((dressed[:start] for start in starts if dressed[start : start + len(bare)] == bare), [])

    def _dummy_prefix_anchor(self) -> list[int] | None:
        """The anchor's ids where a text reads otherwise alone than after the anchor; `None` where it does not."""
        anchor = self.encode(_ANCHOR)
        return None if self.encode(_ANCHOR + "x") == anchor + self.encode("x") else anchor
