"""A failed request that may pass is not the user's fault, and one that may not is not the hub's."""

import errno
from collections.abc import Callable
from types import SimpleNamespace

import httpx2
import pytest
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

from bench.data.sources.hub_errors import passing, patiently


def answered(status: int) -> HfHubHTTPError:
    request = httpx2.Request("GET", "http://hub/api")
    return HfHubHTTPError(f"{status}", response=httpx2.Response(status, request=request))


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


PASSING: dict[str, tuple[Callable[[], BaseException], str | None]] = {
    "busy": (lambda: answered(429), "it answered 429"),
    "broken": (lambda: answered(503), "it answered 503"),
    "forbidden": (lambda: answered(403), None),
    "bad request": (lambda: answered(400), None),
    "nobody": (lambda: httpx2.ConnectError("refused"), "ConnectError"),
    "slow": (lambda: httpx2.ReadTimeout("slow"), "ReadTimeout"),
    "torn": (lambda: httpx2.RemoteProtocolError("cut"), "RemoteProtocolError"),
    "no such protocol": (lambda: httpx2.UnsupportedProtocol("ftp://"), None),
    "offline": (lambda: OfflineModeIsEnabled("offline"), "OfflineModeIsEnabled"),
    "socket": (lambda: ConnectionResetError("reset"), "ConnectionResetError"),
    "not cached because nobody answers": (
        lambda: caused(LocalEntryNotFoundError("no file"), httpx2.ConnectError("refused")),
        "ConnectError",
    ),
    "a refusal after a busy moment": (lambda: caused(answered(403), answered(503)), None),
    "full disk": (lambda: OSError(errno.ENOSPC, "No space left on device"), None),
    "a library's own mistake": (lambda: TypeError("bad"), None),
}


@pytest.mark.parametrize("case", PASSING)
def test_what_may_pass_is_told_from_what_may_not(case: str) -> None:
    make, words = PASSING[case]
    assert passing(make()) == words


def asked(*ends: Exception | str) -> tuple[Callable[[], str], SimpleNamespace]:
    """A request that ends so, one time after the other."""
    seen, left = SimpleNamespace(times=0), list(ends)

    def ask() -> str:
        seen.times += 1
        end = left.pop(0)
        if isinstance(end, Exception):
            raise end
        return end

    return ask, seen


def test_a_busy_hub_is_asked_again_and_a_lasting_refusal_is_not() -> None:
    ask, seen = asked(answered(503), answered(429), "rows")
    assert patiently(ask, pauses=(0, 0)) == "rows"
    assert seen.times == 3
    for error, times in ((answered(503), 3), (answered(404), 1), (httpx2.ConnectError("refused"), 1)):
        ask, seen = asked(*[error] * 3)
        with pytest.raises(type(error)):
            patiently(ask, pauses=(0, 0))
        assert seen.times == times
