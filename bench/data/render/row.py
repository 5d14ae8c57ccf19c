"""One example in the one shape that the rest of the program knows: a conversation, or a plain text."""

from typing import Any, Literal

from bench.spec import Spec
from bench.text import is_blank


class ToolCall(Spec):
    """A call of a function by the assistant."""

    name: str
    arguments: dict[str, Any] | str
    id: str | None = None


class Turn(Spec):
    """One message. `input` is Alpaca's second field, which some templates place apart from the instruction."""

    role: Literal["system", "user", "assistant", "tool", "text"]
    """`tool`: the result of a call. `text`: plain text, the only turn of its row, through no template, learned
    from beginning to end."""
    content: str
    input: str | None = None
    reasoning: str | None = None
    """What the assistant thought before it wrote the content, where the row keeps both apart."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    """Name of the speaker or the tool."""
    train: bool = True
    """Whether an assistant's turn may be learned; false: it is context."""
    kept: bool = False
    """Whether the row takes its place in a batch even where nothing of it is learned; on a conversation's last turn."""
    tools: tuple[dict[str, Any], ...] = ()
    """Functions that may be called, as JSON Schema; on a conversation's first turn."""
    slices: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Columns that an eval slices by, each with the row's values; on a conversation's last turn."""

    @property
    def is_empty(self) -> bool:
        """Whether the turn holds neither text nor thoughts nor calls."""
        return is_blank(self.content) and is_blank(self.reasoning or "") and not self.tool_calls

    @property
    def is_learned(self) -> bool:
        """Whether there is something to learn: an assistant's turn that says something and is not excluded."""
        return self.role == "assistant" and self.train and not self.is_empty


class Row(Spec):
    """A conversation that ends with the answer to be learned, or one turn of plain text.

    An empty answer is one that is not known: evals ask for it. A training sees such a row only where the suite keeps it
    (`empty_answers`), and learns nothing from it.
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
