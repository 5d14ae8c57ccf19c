"""The chat-completions protocol: a request's body, what a response means, and how long to wait before the next try."""

import email.utils
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench.endpoint.completion import CompletionRequest, wire_messages
from bench.endpoint.transport import Response
from bench.suite.tables.models.endpoint import EndpointSpec

_STOP = {
    401: ("unauthorised", "the key was refused", "check the key in {key}"),
    402: ("no-credit", "the account has no credit left", "add credit, then run the same command again"),
    403: ("forbidden", "the key may not use this model", "check what the key in {key} is allowed"),
    404: ("unknown-model", "there is no such model or address", "check model and base_url"),
    407: ("proxy", "the proxy asks for a password", "check the proxy settings of the environment"),
}
_RETRY = frozenset({408, 409, 425, 429})
_MESSAGE_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """A good response."""

    text: str
    finish_reason: str | None
    model: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    token_ids: tuple[int, ...] | None = None


class TryAgainError(Exception):
    """A response that a later attempt may better. `wait`: seconds that the server asks for."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class RejectedError(Exception):
    """This request will not be answered, whenever it is sent; another may be."""


class StopError(Exception):
    """No request will be answered."""

    def __init__(self, reference: str, why: str, hint: str) -> None:
        super().__init__(why)
        self.reference = reference
        self.hint = hint


def path_of(request: CompletionRequest) -> str:
    """Where the request goes, below `base_url`."""
    return "/chat/completions" if request.prompt is None else "/completions"


def body_of(spec: EndpointSpec, request: CompletionRequest) -> dict[str, Any]:
    """The request's body. `return_token_ids`, `stop_token_ids` and `top_k` are vLLM's; other servers leave them."""
    sampling = request.sampling
    if request.prompt is None:
        asked: dict[str, Any] = {"messages": wire_messages(request), spec.max_tokens_field: sampling.max_tokens}
    else:
        asked = {"prompt": list(request.prompt), "max_tokens": sampling.max_tokens, "return_token_ids": True}
        asked |= {"stop_token_ids": list(request.stop_ids) or None, "top_k": request.top_k}
    fields: dict[str, Any] = {
        "model": spec.model,
        **asked,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "stop": list(sampling.stop) or None,
        "seed": None if sampling.seed is None else (sampling.seed + request.sample) % 2**32,
        **spec.extra,
    }
    return {name: value for name, value in fields.items() if value is not None}


def estimated_tokens(body: Mapping[str, Any], request: CompletionRequest) -> int:
    """About four characters a token, and the longest answer: servers reserve it too."""
    if request.prompt is not None:
        return len(request.prompt) + request.sampling.max_tokens
    return len(json.dumps(body["messages"], ensure_ascii=False)) // 4 + request.sampling.max_tokens


def read_response(response: Response, *, key_env: str | None) -> ChatReply:
    """The model's answer. Raises `TryAgainError`, `RejectedError` or `StopError`."""
    if response.status == 200:
        return _said(response)
    why = f"HTTP {response.status}{_message(response)}"
    if response.status in _STOP:
        reference, what, hint = _STOP[response.status]
        raise StopError(reference, f"{what}: {why}", hint.format(key=key_env or "key_env"))
    if _error(response).get("code") == "insufficient_quota":
        raise StopError("no-credit", f"the account's quota is used up: {why}", "add credit, then run it again")
    if 300 <= response.status < 400:
        raise StopError("redirect", f"it redirects, which is not followed: {why}", "give the final address in base_url")
    if response.status in _RETRY or response.status >= 500:
        raise TryAgainError(why, asked_wait(response.headers))
    raise RejectedError(why)


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: `retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110)."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            value = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        if 0 <= value < float("inf"):
            return value
    try:
        then = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())


def backoff(spec: EndpointSpec, attempt: int, *, seed: str) -> float:
    """Seconds before retry `attempt` (from 0): exponential with full jitter (Brooker, AWS Architecture Blog, 2015)."""
    most = min(spec.max_wait_seconds, spec.wait_seconds * 2.0**attempt)
    return random.Random(f"{seed}:{attempt}").uniform(0, most)  # noqa: S311  # spreads retries; no secret


def _said(response: Response) -> ChatReply:
    try:
        value = json.loads(response.body)
    except (ValueError, RecursionError):
        raise TryAgainError("the reply is not JSON") from None
    if isinstance(value, dict) and isinstance(value.get("error"), dict):
        raise TryAgainError(f"an error in place of a reply{_message(response)}")
    try:
        choice = value["choices"][0]
        message = choice["message"] if "message" in choice else {"content": choice["text"]}
        content = message["content"]
    except (KeyError, IndexError, TypeError):
        raise TryAgainError("the reply has no answer in it") from None
    if content is not None and not isinstance(content, str):
        raise TryAgainError("the reply's answer is not text")
    usage = value.get("usage") if isinstance(value.get("usage"), dict) else {}
    refused = bool(message.get("refusal")) and not content
    finish = "refusal" if refused else choice.get("finish_reason")
    return ChatReply(
        text=(content or "").encode("utf-8", "replace").decode(),  # half a surrogate pair is no text
        finish_reason=finish if isinstance(finish, str) else None,
        model=value["model"] if isinstance(value.get("model"), str) else None,
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        token_ids=_ids(choice.get("token_ids")),
    )


def _ids(value: object) -> tuple[int, ...] | None:
    """Token ids of an answer; `None` where the server gives none."""
    return tuple(value) if isinstance(value, list) and all(isinstance(item, int) for item in value) else None


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _error(response: Response) -> Mapping[str, Any]:
    try:
        value = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    error = value.get("error", value) if isinstance(value, dict) else {}
    return error if isinstance(error, dict) else {"message": error}


def _message(response: Response) -> str:
    """The server's message, on one line."""
    message = _error(response).get("message") or _error(response).get("detail")
    words = " ".join(str(message).split())[:_MESSAGE_CHARACTERS] if message else ""
    return f" ({words})" if words else ""
