"""Text to token ids, at the start of a sequence and in its middle.

Contract: ids of a prompt begin with what the tokenizer puts before every text, once; text that follows other text gets
the ids that it has there, without the blank that some tokenizers put before a first word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.data.render.special_tokens import is_guarded, pieces

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ANCHOR = "\n"


class Encoder:
    """One tokenizer; `begin` are the ids that it puts before every text."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self.begin = self._beginning()
        self._anchor = self._dummy_prefix_anchor()

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Ids without added beginning or end; `special`: whether special tokens that the text spells are meant."""
        encoded: list[int] = self._tokenizer.encode(
            text,
            add_special_tokens=False,
            split_special_tokens=not special,
            verbose=False,  # a row above the model's length is cut and counted by the renderer
        )
        return encoded

    def prompt(self, text: str) -> list[int]:
        """Ids of a prompt, guarded or not, with `begin` before them unless the text spells it itself."""
        if is_guarded(text):
            ids = [
                token
                for at, piece, special in pieces(text)
                for token in (self.follow(piece, special=special) if at else self.encode(piece, special=special))
            ]
        else:
            ids = self.encode(text)
        return ids if ids[: len(self.begin)] == self.begin else [*self.begin, *ids]

    def follow(self, text: str, *, special: bool) -> list[int]:
        """Ids of text in mid-sequence: without the blank that some tokenizers put before the first word."""
        if self._anchor is not None:
            whole = self.encode(_ANCHOR + text, special=special)
            if whole[: len(self._anchor)] == self._anchor:
                return whole[len(self._anchor) :]
        return self.encode(text, special=special)

    def _beginning(self) -> list[int]:
        bare = self.encode("x")
        dressed: list[int] = self._tokenizer.encode("x", add_special_tokens=True)
        starts = range(len(dressed) - len(bare) + 1)
        return next((dressed[:start] for start in starts if dressed[start : start + len(bare)] == bare), [])

    def _dummy_prefix_anchor(self) -> list[int] | None:
        """The anchor's ids where a text reads otherwise alone than after the anchor; `None` where it does not."""
        anchor = self.encode(_ANCHOR)
        return None if self.encode(_ANCHOR + "x") == anchor + self.encode("x") else anchor
