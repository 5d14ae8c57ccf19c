"""One example in the one shape that the rest of the program knows: a conversation, or a plain text."""

from __future__ import annotations

from typing import Literal

from bench.spec import Spec


class Turn(Spec):
    """One message. `input` is Alpaca's second field, which some templates place apart from the instruction."""

    role: Literal["system", "user", "assistant", "text"]
    """`text`: plain text, which stands alone, goes through no template, and is learned from beginning to end."""
    content: str
    input: str | None = None


class Row(Spec):
    """A conversation that ends with the answer to be learned, or one turn of plain text.

    An empty answer is one that is not known: evals ask for it, and no training sees such a row.
    """

    turns: tuple[Turn, ...]
    origin: str
    """`file:row` or `hub-id:row`, for messages about this row."""

    @property
    def prompt(self) -> tuple[Turn, ...]:
        """All turns before the answer."""
        return self.turns[:-1]

    @property
    def answer(self) -> str:
        """Content of the last turn, which is the assistant's; of plain text, all of it."""
        return self.turns[-1].content

    @property
    def is_text(self) -> bool:
        """Whether the row is plain text: no prompt, no template, everything supervised."""
        return self.turns[0].role == "text"
