"""Failed requests to the hub: which of them may pass by themselves, and asking again while one may.

Contract: nothing heavy is imported; errors of HTTP clients are recognised by the names of their classes.
"""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

_BUSY = frozenset({408, 425, 429})
"""Beside 500 and above: the server is there and asks for patience."""
_CLIENT_ERRORS = frozenset({"TimeoutException", "NetworkError", "RemoteProtocolError", "ProxyError"})
"""Error classes of httpx, under whichever name it is installed."""
_PAUSES = (0.5, 2.0)
"""Seconds before the second and the third attempt."""


def passing(error: BaseException) -> str | None:
    """Why a request may succeed at another time (nobody answers, or a busy or broken server does), in a few words.

    `None` for all else: what was asked for is wrong, or this machine is. The outermost cause that tells decides.
    """
    for cause in chain(error):
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if isinstance(status, int):
            return f"it answered {status}" if status in _BUSY or status >= 500 else None
        names = {base.__name__ for base in type(cause).__mro__}
        if isinstance(cause, ConnectionError | TimeoutError) or names & _CLIENT_ERRORS:
            return type(cause).__name__
    return None


def patiently(step: Callable[[], T], *, pauses: Sequence[float] = _PAUSES) -> T:
    """What `step` returns; it is done again, after a pause, where a busy or broken server answered.

    Nobody there is not waited for: a machine that is offline should say so at once.
    """
    for pause in pauses:
        try:
            return step()
        except Exception as error:
            if not (passing(error) or "").startswith("it answered"):
                raise
            time.sleep(pause)
    return step()


def chain(error: BaseException) -> list[BaseException]:
    """The error, its cause, that one's cause, and so on."""
    errors: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in errors:
        errors.append(current)
        current = current.__cause__ or current.__context__
    return errors
