"""Text to token ids, at the start of a sequence and in its middle.

Contract: ids of a prompt begin with what the tokenizer puts before every text, once; text that follows other text gets
the ids that it has there, without the blank that some tokenizers put before a first word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.data.render.special_tokens import pieces
from bench.data.render.tokenizers_private import plain_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ANCHOR = "\n"


class Encoder:
    """One tokenizer; `begin` are the ids that it puts before every text."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._plain = plain_tokenizer(tokenizer)
        self.begin = self._beginning()
        self._anchor = self._dummy_prefix_anchor()

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Ids without added beginning or end; `special`: whether special tokens written in the text are meant."""
        if self._plain is not None:
            return self._encode_plainly(text, special=special)
        encoded: list[int] = self._tokenizer.encode(
            text,
            add_special_tokens=False,
            split_special_tokens=not special,
            verbose=False,  # a row above the model's length is cut and counted by the renderer
        )
        return encoded

    def _encode_plainly(self, text: str, *, special: bool) -> list[int]:
        """Ids where nothing prepares a text. Other users of the tokenizer may have left settings behind."""
        if self._plain.truncation is not None:
            self._plain.no_truncation()
        if self._plain.padding is not None:
            self._plain.no_padding()
        if self._plain.encode_special_tokens == special:
            self._plain.encode_special_tokens = not special
        ids: list[int] = self._plain.encode(text, add_special_tokens=False).ids
        return ids

    def prompt(self, text: str) -> list[int]:
        """Ids of a prompt, guarded or not, with `begin` before them unless the text has it already."""
        first, *rest = pieces(text) or [("", True)]
        ids = self.encode(first[0], special=first[1])
        for piece, special in rest:
            ids += self.follow(piece, special=special)
        return ids if ids[: len(self.begin)] == self.begin else [*self.begin, *ids]

    def prompt_places(self, text: str) -> list[tuple[int, int]]:
        """Begin and end, in the prompt without guards, of the characters that each of its ids stands for.

        What the tokenizer puts before every text stands for none. Needs a fast tokenizer.
        """
        places: list[tuple[int, int]] = []
        at = 0
        for piece, special in pieces(text):
            places += [(at + start, at + end) for start, end in self._places(piece, special=special, follows=at > 0)]
            at += len(piece)
        return [(0, 0)] * (len(self.prompt(text)) - len(places)) + places

    def completion(self, text: str) -> list[int]:
        """Ids of a guarded text in mid-sequence."""
        return [token for piece, special in pieces(text) for token in self.follow(piece, special=special)]

    def follow(self, text: str, *, special: bool) -> list[int]:
        """Ids of text in mid-sequence: without the blank that some tokenizers put before the first word."""
        if self._anchor is not None:
            whole = self.encode(_ANCHOR + text, special=special)
            if whole[: len(self._anchor)] == self._anchor:
                return whole[len(self._anchor) :]
        return self.encode(text, special=special)

    def _places(self, text: str, *, special: bool, follows: bool) -> list[tuple[int, int]]:
        """Places of the ids of a text (`encode`), or of the same text in mid-sequence (`follow`)."""
        if follows and self._anchor is not None:
            ids, places = self._with_offsets(_ANCHOR + text, special=special)
            if ids[: len(self._anchor)] == self._anchor:
                shift = len(_ANCHOR)
                return [(max(0, start - shift), end - shift) for start, end in places[len(self._anchor) :]]
        return self._with_offsets(text, special=special)[1]

    def _with_offsets(self, text: str, *, special: bool) -> tuple[list[int], list[tuple[int, int]]]:
        encoded = self._tokenizer(
            text,
            add_special_tokens=False,
            split_special_tokens=not special,
            return_offsets_mapping=True,
            verbose=False,
        )
        return encoded["input_ids"], encoded["offset_mapping"]

    def _beginning(self) -> list[int]:
        bare = self.encode("x")
        dressed: list[int] = self._tokenizer.encode("x", add_special_tokens=True)
        starts = range(len(dressed) - len(bare) + 1)
        return next((dressed[:start] for start in starts if dressed[start : start + len(bare)] == bare), [])

    def _dummy_prefix_anchor(self) -> list[int] | None:
        """The anchor's ids where a text reads otherwise alone than after the anchor; `None` where it does not."""
        anchor = self.encode(_ANCHOR)
        return None if self.encode(_ANCHOR + "x") == anchor + self.encode("x") else anchor
