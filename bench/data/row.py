"""One example in the one shape that the rest of the program knows: a conversation."""

from __future__ import annotations

from typing import Literal

from bench.spec import Spec


class Turn(Spec):
    """One message. `input` is Alpaca's second field, which some templates place apart from the instruction."""

    role: Literal["system", "user", "assistant"]
    content: str
    input: str | None = None


class Row(Spec):
    """A conversation that ends with the answer to be learned."""

    turns: tuple[Turn, ...]
    origin: str
    """`file:row` or `hub-id:row`, for messages about this row."""

    @property
    def prompt(self) -> tuple[Turn, ...]:
        """All turns before the answer."""
        return self.turns[:-1]

    @property
    def answer(self) -> str:
        """Content of the last turn, which is the assistant's."""
        return self.turns[-1].content
