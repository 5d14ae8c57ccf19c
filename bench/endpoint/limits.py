"""Keeps requests and tokens of any 60 seconds within a server's limits: a sliding window, exact and without bursts."""

import threading
from collections import deque
from dataclasses import dataclass, field

from bench.endpoint.clock import Clock

_WINDOW = 60.0


@dataclass(slots=True)
class Ticket:
    """One admitted request; its tokens are corrected once they are known."""

    at: float
    tokens: int


@dataclass(slots=True, kw_only=True)
class RateLimit:
    """Shared by all threads of one client."""

    clock: Clock
    requests: int | None
    """Per minute; `None`: no limit."""
    tokens: int | None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _window: deque[Ticket] = field(default_factory=deque)
    _held_until: float = float("-inf")

    def admit(self, tokens: int, stop: threading.Event) -> Ticket:
        """Waits until one more request of about `tokens` tokens is within the limits, or `stop` is set.

        One that is larger than the limit by itself goes alone.
        """
        while True:
            with self._lock:
                now = self.clock.now()
                wait = self._wait(now, tokens)
                if wait <= 0 or stop.is_set():
                    ticket = Ticket(now, tokens)
                    if self.requests is not None or self.tokens is not None:
                        self._window.append(ticket)
                    return ticket
            self.clock.wait(wait, stop)

    def hold(self, seconds: float) -> None:
        """No request of any thread for so long, as the server asks."""
        with self._lock:
            self._held_until = max(self._held_until, self.clock.now() + seconds)

    def _wait(self, now: float, tokens: int) -> float:
        """Seconds until a request can go; not above 0 if now."""
        while self._window and self._window[0].at <= now - _WINDOW:
            self._window.popleft()
        wait = self._held_until - now
        if self.requests is not None and len(self._window) >= self.requests:
            wait = max(wait, self._window[-self.requests].at + _WINDOW - now)
        if self.tokens is not None:
            used = sum(ticket.tokens for ticket in self._window)
            for ticket in self._window:
                if used + tokens <= self.tokens:
                    break
                wait = max(wait, ticket.at + _WINDOW - now)
                used -= ticket.tokens
        return wait
