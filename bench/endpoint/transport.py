"""One HTTP POST by the standard library: a whole reply, or why there is none.

The library's own client is enough here, and adds no dependency: a new connection per request costs milliseconds where
an answer takes seconds. It honours the proxies of the environment, but for this machine. Redirects are not followed:
the key would go along.
"""

import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

_BLOCK = 1 << 16
_MOST_BYTES = 64 << 20


class NoReplyError(Exception):
    """The connection was cut, timed out, or the reply is not whole. Trying again may help."""


class UnreachableError(NoReplyError):
    """Nobody listens at that address, or the address is unknown."""


class UntrustedError(Exception):
    """The server's certificate cannot be verified. Trying again does not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """None: the redirect itself is the reply."""


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout: float, proxies: bool) -> Response:
    """POST `body` to an http(s) `url`; all within `timeout` seconds.

    Raises `NoReplyError`, `UnreachableError` or `UntrustedError`.
    """
    deadline = time.monotonic() + timeout
    handlers = [_NoRedirect()] if proxies else [_NoRedirect(), urllib.request.ProxyHandler({})]
    opener = urllib.request.build_opener(*handlers)
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310  # the spec lets only http(s) in
    try:
        with opener.open(request, timeout=timeout) as reply:
            return _read(reply, reply.status, reply.headers, deadline)
    except urllib.error.HTTPError as error:
        with error:
            return _read(error, error.code, error.headers, deadline)
    except (OSError, http.client.HTTPException) as error:
        raise _named(error) from error


def _read(reply: IO[bytes], status: int, headers: Any, deadline: float) -> Response:
    """The whole body. The socket's own timeout holds for one read only; `deadline` for all."""
    blocks, size = [], 0
    read = getattr(reply, "read1", reply.read)
    while block := read(_BLOCK):
        blocks.append(block)
        size += len(block)
        if time.monotonic() > deadline:
            raise NoReplyError("timed out while the reply was coming")
        if size > _MOST_BYTES:
            raise NoReplyError(f"the reply is longer than {_MOST_BYTES >> 20} MiB")
    declared = headers.get("Content-Length")
    if declared is not None and declared.isdigit() and size < int(declared):
        raise NoReplyError("the connection was cut in the middle of the reply")
    return Response(
        status=status, headers={name.lower(): value for name, value in headers.items()}, body=b"".join(blocks)
    )


def _named(error: Exception) -> NoReplyError | UntrustedError:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return UntrustedError(f"its certificate cannot be verified: {reason.verify_message}")
    if isinstance(reason, ConnectionRefusedError):
        return UnreachableError("no server answers at that address (connection refused)")
    if isinstance(reason, socket.gaierror):
        return UnreachableError("the host name is unknown")
    if isinstance(reason, TimeoutError):
        return NoReplyError("timed out")
    if isinstance(reason, ConnectionError | http.client.HTTPException):
        return NoReplyError(f"the connection was cut ({type(reason).__name__})")
    return NoReplyError(f"no connection: {reason}")
