"""A chat-completions server on loopback that can be told to misbehave.

    with EndpointServer(answer=lambda body: "yes", script=[TooMany(retry_after="2"), ServerError(), Cut()]) as server:
        ...  # server.url is the base_url; server.requests are the bodies that came

Each request takes the next step of `script`; when it is used up, all are answered by `answer` (the body in, the text
out; or a `Step`, to misbehave for some prompts only).
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A plain answer. Subclasses are the ways to misbehave."""

    text: str | None = "ok"
    finish_reason: str | None = "stop"
    usage: bool = True

    def run(self, request: BaseHTTPRequestHandler, body: Body) -> None:
        """Send the reply."""
        send(request, 200, completion(self.text, body, finish_reason=self.finish_reason, usage=self.usage))


@dataclass(frozen=True, kw_only=True)
class Status(Step):
    """An error status with the server's words."""

    status: int = 500
    message: str = "it went wrong"
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def run(self, request: BaseHTTPRequestHandler, body: Body) -> None:
        """Send it."""
        error = {"error": {"message": self.message, "code": self.code}}
        send(request, self.status, json.dumps(error).encode(), self.headers)


def TooMany(retry_after: str | None = None) -> Status:  # noqa: N802  # reads as the other steps
    """429."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Status(status=429, message="slow down", headers=headers)


def ServerError(status: int = 500) -> Status:  # noqa: N802
    """5xx."""
    return Status(status=status)


@dataclass(frozen=True, kw_only=True)
class Raw(Step):
    """Any bytes with status 200."""

    body: bytes = b"<html>busy</html>"

    def run(self, request: BaseHTTPRequestHandler, body: Body) -> None:
        """Send them."""
        send(request, 200, self.body)


BadJson = Raw(body=b'{"choices": [{"message"')
EmptyChoices = Raw(body=b'{"choices": []}')


@dataclass(frozen=True, kw_only=True)
class Cut(Step):
    """Promises a whole reply and closes in the middle of it."""

    at: int = 20

    def run(self, request: BaseHTTPRequestHandler, body: Body) -> None:
        """Send a part."""
        whole = completion(self.text, body, finish_reason="stop", usage=True)
        head(request, 200, {"Content-Length": str(len(whole))})
        request.wfile.write(whole[: self.at])
        request.wfile.flush()
        request.close_connection = True


@dataclass(frozen=True, kw_only=True)
class Slow(Step):
    """Sends a few bytes now and then, so that no single read times out."""

    seconds: float = 0.3
    pieces: int = 10
    sent: list[bytes] = field(default_factory=list)
    """Pieces so far."""

    def run(self, request: BaseHTTPRequestHandler, body: Body) -> None:
        """Drip."""
        whole = completion(self.text, body, finish_reason="stop", usage=True)
        head(request, 200, {"Content-Length": str(len(whole))})
        size = -(-len(whole) // self.pieces)
        for start in range(0, len(whole), size):
            time.sleep(self.seconds / self.pieces)
            request.wfile.write(whole[start : start + size])
            request.wfile.flush()
            self.sent.append(whole[start : start + size])


@dataclass
class UnderWay:
    """How many requests are being answered, each until its reply is sent: the next may come before sending ends."""

    now: int = 0
    most: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answered(self, seconds: float) -> None:
        """Be at work on one for so long."""
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(seconds)
        with self._lock:
            self.now -= 1


def Fenced(value: object) -> Step:  # noqa: N802
    """JSON between prose and fences, as chat models write it."""
    return Step(text=f"Sure, here it is:\n```json\n{json.dumps(value, indent=1)}\n```\nAnything else?")


def completion(text: str | None, body: Body, *, finish_reason: str | None, usage: bool) -> bytes:
    """A chat completion. Tokens are counted as words."""
    prompt = " ".join(message["content"] for message in body.get("messages", ()))
    if "prompt" in body:  # token ids; so are the words of the answer
        ids = [int(word) for word in (text or "").split()]
        choice = {"index": 0, "text": "", "token_ids": ids, "finish_reason": finish_reason}
        return json.dumps({"model": body["model"], "choices": [choice]}).encode()
    reply: dict[str, Any] = {
        "id": "x",
        "object": "chat.completion",
        "model": f"{body['model']}-2024",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}],
    }
    if usage:
        reply["usage"] = {"prompt_tokens": len(prompt.split()), "completion_tokens": len((text or "").split())}
    return json.dumps(reply).encode()


def head(request: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str]) -> None:
    """Status and headers."""
    request.send_response(status)
    for name, value in {"Content-Type": "application/json", **headers}.items():
        request.send_header(name, value)
    request.end_headers()


def send(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    """A whole reply."""
    head(request, status, {"Content-Length": str(len(body)), **(headers or {})})
    request.wfile.write(body)


def say_ok(body: Body) -> str:
    """The answer to everything, where nothing else is asked for."""
    return "ok"


class EndpointServer:
    """See the module."""

    def __init__(
        self,
        answer: Callable[[Body], str | Step] = say_ok,
        *,
        script: Iterable[Step] = (),
        key: str | None = None,
        loads: bool = True,
    ) -> None:
        """`key`: the one that is let in; others get 401. `loads`: whether it loads adapters."""
        self.answer, self.key, self.loads = answer, key, loads
        self.script = list(script)
        self.requests: list[Body] = []
        self.times: list[float] = []
        self.keys: list[str | None] = []
        self._lock = threading.Lock()

    def __enter__(self) -> "EndpointServer":
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                with contextlib.suppress(ConnectionError):  # the client may have gone
                    server._answer(self)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """For `base_url`."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def prompts(self) -> list[str]:
        """The last message of each request."""
        return [body["messages"][-1]["content"] for body in self.requests]

    @property
    def loaded(self) -> list[Body]:
        """Adapters that were to be loaded."""
        return [body for body in self.requests if "lora_name" in body]

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        key = request.headers.get("Authorization")
        with self._lock:
            self.requests.append(body)
            self.times.append(time.monotonic())
            self.keys.append(key)
            step = self.script.pop(0) if self.script else None
        if request.path == "/v1/load_lora_adapter" and self.loads:
            step = Raw(body=b"Success")
        elif request.path not in ("/v1/chat/completions", "/v1/completions"):
            step = Status(status=404, message=f"no {request.path}")
        elif self.key is not None and key != f"Bearer {self.key}":
            step = Status(status=401, message=f"Incorrect API key provided: {(key or '').removeprefix('Bearer ')}")
        elif step is None:
            answer = self.answer(body)
            step = answer if isinstance(answer, Step) else Step(text=answer)
        step.run(request, body)


@dataclass
class FakeClock:
    """Waiting takes no time; what was waited for is kept."""

    time: float = 0.0
    waits: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> float:
        """Seconds."""
        return self.time

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """At once."""
        with self._lock:
            self.waits.append(seconds)
            self.time += max(0.0, seconds)
