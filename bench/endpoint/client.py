"""The endpoint as a `Completer`: cached, rate-limited, retried, concurrent.

Contract: a reply is written to disk before anything else is done with it. A request fails only after its retries; what
no request can get past ends the call at once. Threads are daemons: an interrupted program leaves at once and loses no
more than the replies under way.
"""

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue

from bench.digest import digest_json
from bench.endpoint.cache import ReplyCache
from bench.endpoint.chat_completions import (
    ChatReply,
    RejectedError,
    StopError,
    TryAgainError,
    backoff,
    body_of,
    estimated_tokens,
    path_of,
    read_response,
)
from bench.endpoint.clock import Clock, RealClock
from bench.endpoint.completion import Completion, CompletionRequest, Reply
from bench.endpoint.key import Secret, read_key
from bench.endpoint.limits import RateLimit
from bench.endpoint.transport import NoReplyError, Response, UnreachableError, UntrustedError, post
from bench.errors import IncompleteError, InputError, Problem
from bench.suite.tables.models.endpoint import EndpointSpec, Price

_CONTINUE = "replies so far are stored; run the same command again to continue"


def open_endpoint(
    spec: EndpointSpec,
    *,
    table: str,
    cache: Path,
    seed: int = 0,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
) -> "EndpointClient":
    """A client for `spec`; nothing is sent yet.

    `table` is the path of the endpoint's table in its file, `cache` the folder of kept replies, `seed` that of the
    retries' jitter. Raises `InputError` where the key is not set.
    """
    key = read_key(spec, os.environ if environ is None else environ, table=table)
    clock = clock or RealClock()
    limits = RateLimit(clock=clock, requests=spec.requests_per_minute, tokens=spec.tokens_per_minute)
    return EndpointClient(
        spec=spec, table=table, key=key, cache=ReplyCache(folder=cache), clock=clock, limits=limits, seed=seed
    )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class _Health:
    """State of the server as seen so far. Shared by threads under `lock`."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    answered: bool = False
    """Whether there ever was a response of any kind."""
    failed_in_a_row: int = 0
    spent: float = 0.0


@dataclass(slots=True, kw_only=True)
class EndpointClient:
    """See `open_endpoint`. May be shared by threads; `complete` may be called again while an earlier call goes on."""

    spec: EndpointSpec
    table: str
    key: Secret | None
    cache: ReplyCache
    clock: Clock
    limits: RateLimit
    seed: int
    _health: _Health = field(default_factory=_Health)
    _slots: threading.Semaphore = field(init=False)
    _asking: dict[str, threading.Lock] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._slots = threading.Semaphore(self.spec.concurrency)

    @property
    def name(self) -> str:
        """The model as it is asked for."""
        return self.spec.model

    @property
    def host(self) -> str | None:
        """Host and port."""
        return self.spec.host

    @property
    def price(self) -> Price | None:
        """From the spec."""
        return self.spec.price

    def digest(self, request: CompletionRequest) -> str:
        """Digest of the address, the body and the sample's number; timeouts and retries do not count."""
        return digest_json([self.spec.base_url, body_of(self.spec, request), request.sample])

    def complete(self, requests: Sequence[CompletionRequest]) -> Iterator[Completion]:
        """Completions in order; up to `concurrency` requests are under way while they are waited for."""
        results: SimpleQueue[tuple[int, Completion | BaseException]] = SimpleQueue()
        indices = iter(range(len(requests)))
        lock, stop = threading.Lock(), threading.Event()

        def work() -> None:
            while not stop.is_set():
                with lock:
                    index = next(indices, None)
                if index is None:
                    return
                try:
                    results.put((index, self._one(requests[index], stop)))
                except BaseException as error:  # whatever it is, the caller must hear of it
                    stop.set()
                    results.put((index, error))

        for number in range(min(self.spec.concurrency, len(requests))):
            threading.Thread(target=work, name=f"ask-{number}", daemon=True).start()
        try:
            yield from _in_order(results, len(requests))
        finally:
            stop.set()

    def _one(self, request: CompletionRequest, stop: threading.Event) -> Completion:
        """From disk, else from the server. Equal requests wait for one another, so that one is paid for."""
        digest = self.digest(request)
        with self._health.lock:
            turn = self._asking.setdefault(digest, threading.Lock())
        with turn:
            kept = self.cache.get(digest)
            if kept is not None:
                return Completion(digest=digest, reply=kept)
            with self._slots:
                completion = self._ask(request, digest, stop)
        with self._health.lock:
            self._asking.pop(digest, None)
        if not stop.is_set():  # else it may have failed for that reason
            self._watch(completion)
        return completion

    def _ask(self, request: CompletionRequest, digest: str, stop: threading.Event) -> Completion:
        body = body_of(self.spec, request)
        why, attempt = "stopped", 0
        for attempt in range(self.spec.retries + 1):
            self._check_cost()
            ticket = self.limits.admit(estimated_tokens(body, request), stop)
            if stop.is_set():
                break
            begun = self.clock.now()
            try:
                chat_reply = self._send(path_of(request), body)
            except RejectedError as error:
                why = self._clean(error)
                return Completion(digest=digest, reply=None, failure=why, attempts=attempt + 1, rejected=True)
            except (TryAgainError, NoReplyError) as error:
                why = self._clean(error)
                if attempt < self.spec.retries:
                    self._wait(error, attempt, digest, stop)
                continue
            reply = self._reply(request, chat_reply, digest, self.clock.now() - begun, attempt + 1)
            self.cache.put(reply)
            if reply.prompt_tokens is not None and reply.completion_tokens is not None:
                ticket.tokens = reply.prompt_tokens + reply.completion_tokens
            return Completion(digest=digest, reply=reply, attempts=attempt + 1)
        return Completion(digest=digest, reply=None, failure=why, attempts=attempt + 1)

    def post(self, path: str, body: Mapping[str, object]) -> Response:
        """The server's response to `body`, whatever its status; `path` is below `base_url`. Raises as
        `bench.endpoint.transport.post`."""
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "sft-bench"}
        if self.key is not None:
            headers["Authorization"] = self.key.header()
        url, data = f"{self.spec.base_url}{path}", json.dumps(body).encode()
        return post(url, data, headers, timeout=self.spec.timeout_seconds, proxies=not self.spec.is_loopback)

    def _send(self, path: str, body: Mapping[str, object]) -> ChatReply:
        try:
            response = self.post(path, body)
            with self._health.lock:
                self._health.answered = True
            return read_response(response, key_env=self.spec.key_env)
        except UntrustedError as error:
            raise self._stop(
                "untrusted", str(error), "set SSL_CERT_FILE to the certificate of your authority"
            ) from error
        except UnreachableError as error:
            if self._health.answered:
                raise  # it was there a moment ago: a restart, perhaps
            raise self._stop("unreachable", str(error), "check base_url, and that the server is running") from error
        except StopError as error:
            raise self._stop(error.reference, self._clean(error), error.hint) from error

    def _stop(self, reference: str, why: str, hint: str) -> InputError:
        where = f"{self.spec.host}, model {self.spec.model}"
        return InputError(Problem(reference=f"endpoint.{reference}", what=why, where=where, hint=hint))

    def _clean(self, error: Exception) -> str:
        return str(error) if self.key is None else self.key.redact(str(error))

    def _wait(self, error: Exception, attempt: int, digest: str, stop: threading.Event) -> None:
        wait = error.wait if isinstance(error, TryAgainError) else None
        jitter = backoff(self.spec, attempt, seed=f"{self.seed}:{digest}")
        if wait is None:
            self.clock.wait(jitter, stop)
            return
        if wait > self.spec.max_wait_seconds:
            what = f"the server asks for a wait of {wait:,.0f} s: {self._clean(error)}"
            hint = f"{_CONTINUE}; or raise max_wait_seconds"
            raise IncompleteError(Problem(reference="endpoint.long-wait", what=what, where=self.spec.host, hint=hint))
        self.limits.hold(wait)  # the limit is the key's, so all threads wait
        self.clock.wait(wait + min(jitter, self.spec.wait_seconds), stop)

    def _reply(
        self, request: CompletionRequest, chat_reply: ChatReply, digest: str, seconds: float, attempts: int
    ) -> Reply:
        return Reply(
            digest=digest,
            request=request,
            model=chat_reply.model or self.spec.model,
            host=self.spec.host,
            text=chat_reply.text,
            finish_reason=chat_reply.finish_reason,
            prompt_tokens=chat_reply.prompt_tokens,
            completion_tokens=chat_reply.completion_tokens,
            token_ids=chat_reply.token_ids,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(seconds, 3),
            attempts=attempts,
        )

    def _check_cost(self) -> None:
        limit, price = self.spec.max_cost, self.spec.price
        if limit is not None and price is not None and self._health.spent >= limit:
            what = f"{self._health.spent:.4f} {price.currency} spent; max_cost is {limit:g}"
            hint = f"raise max_cost; {_CONTINUE}"
            where = f"{self.table}.max_cost"
            raise IncompleteError(Problem(reference="endpoint.max-cost", what=what, where=where, hint=hint))

    def _watch(self, completion: Completion) -> None:
        """Notes the cost, and gives up on a server that answers nothing any more."""
        with self._health.lock:
            reply = completion.reply
            if reply is not None:
                self._health.failed_in_a_row = 0
                if self.spec.price is not None:
                    self._health.spent += self.spec.price.of(reply.prompt_tokens or 0, reply.completion_tokens or 0)
                return
            self._health.failed_in_a_row += 1
            failed = self._health.failed_in_a_row
        if failed >= self.spec.give_up_after:
            what = f"{failed:,} requests in a row failed, the last with: {completion.failure}"
            raise IncompleteError(
                Problem(reference="endpoint.gave-up", what=what, where=self.spec.host, hint=_CONTINUE)
            )


def _in_order(results: SimpleQueue[tuple[int, Completion | BaseException]], count: int) -> Iterator[Completion]:
    early: dict[int, Completion] = {}
    for wanted in range(count):
        while wanted not in early:
            index, result = results.get()
            if isinstance(result, BaseException):
                raise result
            early[index] = result
        yield early.pop(wanted)
