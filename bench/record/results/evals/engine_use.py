"""How a server that generated a subject's answers compares with this program."""

from bench.spec import Spec


class EngineUse(Spec):
    """A server that generated the answers of one eval, and the comparison that let it."""

    host: str
    model: str
    """Name that the server has the subject under."""
    compared: int
    """Prompts that server and program both answered greedily before the others."""
    equal: int
    """Answers among these that were the same text."""
    tolerance: float
    """Share of the answers that might differ."""
    own_tokens_per_second: float | None = None
    """Tokens per second of this program on these prompts; `None` where it generated none, and in records from before
    speeds were measured."""
    tokens_per_second: float | None = None
    """Tokens per second of the server on these prompts."""
