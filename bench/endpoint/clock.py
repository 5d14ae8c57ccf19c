"""Time as the client sees it: a test gives it another, so that back-off takes no time."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """A clock that can be waited on."""

    def now(self) -> float:
        """Seconds since any fixed moment; never goes back."""

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Until `seconds` have passed or `stop` is set."""


class RealClock:
    """The machine's."""

    def now(self) -> float:
        """Monotonic."""
        return time.monotonic()

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Sleeps."""
        stop.wait(max(0.0, seconds))
