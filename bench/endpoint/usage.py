"""Counts tokens and money over completions."""

from dataclasses import dataclass, field

from bench.endpoint.completion import Completion
from bench.suite.tables.models.endpoint import Price


@dataclass(slots=True, kw_only=True)
class Usage:
    """Tokens and cost of one model's completions. `None` where a figure is unknown, never 0."""

    price: Price | None
    asked: int = 0
    reused: int = 0
    """Requests answered from disk, at no cost now."""
    failed: int = 0
    attempts: int = 0
    """Requests sent now, retries included."""
    unmetered: int = 0
    """Replies whose tokens the server did not count."""
    _all: list[int] = field(default_factory=lambda: [0, 0])
    _now: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, completion: Completion) -> None:
        """Count one."""
        self.asked += 1
        self.attempts += completion.attempts
        reply = completion.reply
        if reply is None:
            self.failed += 1
            return
        self.reused += completion.reused
        if reply.prompt_tokens is None or reply.completion_tokens is None:
            self.unmetered += 1
            return
        for counts in (self._all,) if completion.reused else (self._all, self._now):
            counts[0] += reply.prompt_tokens
            counts[1] += reply.completion_tokens

    @property
    def prompt_tokens(self) -> int | None:
        """Over all replies, stored ones included."""
        return None if self.unmetered else self._all[0]

    @property
    def completion_tokens(self) -> int | None:
        """Over all replies, stored ones included."""
        return None if self.unmetered else self._all[1]

    @property
    def cost(self) -> float | None:
        """Cost of all replies, those of earlier runs included."""
        return None if self.price is None or self.unmetered else self.price.of(*self._all)

    @property
    def cost_now(self) -> float | None:
        """Cost of the replies of this run."""
        return None if self.price is None or self.unmetered else self.price.of(*self._now)
