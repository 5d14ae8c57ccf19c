"""What a file says about an endpoint and about sampling: address, model, prices, limits. No secret is in it."""

import ipaddress
import re
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from bench.spec import Count, Seed, Spec

Scalar = str | int | float | bool

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_LOOKS_SECRET = re.compile(r"(sk|pk|hf|gsk|xai|key)[-_].*|[A-Za-z0-9]{32,}")
_OWN_FIELDS = frozenset({"model", "messages", "stream", "n", "temperature", "top_p", "stop", "seed"})


class Sampling(Spec):
    """How an answer is drawn. Keys that are not given are not sent: the server's own defaults hold."""

    temperature: float | None = Field(default=None, ge=0, le=5)
    """0 is greedy."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    """Draw from the smallest set of tokens with at least this probability."""
    max_tokens: Count = 1024
    """Longest answer in tokens. One that is cut there is never made a row."""
    stop: tuple[str, ...] = ()
    """Texts that end an answer."""
    seed: Seed | None = None
    """Sent to the server, plus the number of the sample. Not every server takes or honours it."""


class Price(Spec):
    """What tokens cost, per million."""

    prompt: float = Field(ge=0)
    """Price of the tokens that are sent."""
    completion: float = Field(ge=0)
    """Price of the tokens that are answered."""
    currency: str = Field(default="USD", min_length=1, max_length=8)
    """Currency of both prices."""

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Cost in `currency`."""
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / 1e6


class EndpointSpec(Spec):
    """An OpenAI-compatible chat-completions endpoint."""

    base_url: str = Field(min_length=1)
    """Up to and without `/chat/completions`, such as `https://api.openai.com/v1` or `http://localhost:8000/v1`."""
    model: str = Field(min_length=1)
    """Name that the server gives the model."""
    key_env: str | None = None
    """Name of the environment variable that holds the key. May be left out for a server on this machine."""
    no_key: bool = False
    """A server elsewhere that wants no key."""
    allow_http: bool = False
    """Send a key to another machine without encryption."""
    price: Price | None = None
    """For the cost in the summary."""
    max_cost: float | None = Field(default=None, gt=0)
    """No new request once this much was paid in one run, in the price's currency. Needs `price`."""
    concurrency: int = Field(default=8, ge=1, le=256)
    """Requests under way at once."""
    requests_per_minute: Count | None = None
    """The most requests that are sent in a minute; left out: no limit."""
    tokens_per_minute: Count | None = None
    """Prompt and answer together; estimated when a request is sent, corrected by what the server counts."""
    timeout_seconds: float = Field(default=120, gt=0, le=3600)
    """For one whole reply."""
    retries: int = Field(default=6, ge=0, le=20)
    """Further attempts after a rate limit, a server error, a cut connection, a timeout or an unreadable reply."""
    wait_seconds: float = Field(default=1, gt=0, le=600)
    """Longest wait before the first retry; it doubles with each further one, up to `max_wait_seconds`."""
    max_wait_seconds: float = Field(default=60, gt=0, le=3600)
    """A server that asks for a longer wait (Retry-After) ends the run, which can be gone on with later."""
    give_up_after: Count = 20
    """Failed requests in a row that end the run."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the longest answer; newer OpenAI models want the second."""
    extra: dict[str, Scalar | dict[str, Scalar]] = Field(default_factory=dict)
    """Further fields of the request as they are, such as `{ top_k = 20 }`. Recorded: no secrets here."""

    @property
    def host(self) -> str:
        """Host and port, without anything secret."""
        parts = urlsplit(self.base_url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the answers: without how patiently, how fast and at what price they are asked for."""
        asked = ("base_url", "model", "max_tokens_field", "extra")
        return {name: value for name, value in self.model_dump(mode="json").items() if name in asked}

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        name = urlsplit(self.base_url).hostname or ""
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return name == "localhost" or name.endswith(".localhost")

    @field_validator("base_url")
    @classmethod
    def _is_plain_url(cls, value: str) -> str:
        # The value is not shown: it may hold a password.
        try:
            parts = urlsplit(value)
            bad = parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0
        except ValueError:
            bad = True
        if bad or any(not char.isprintable() or char.isspace() for char in value):
            raise ValueError("give a URL such as https://api.openai.com/v1")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("no user name, password or query belongs into the URL; the key goes into key_env")
        return value.rstrip("/").removesuffix("/chat/completions")

    @field_validator("key_env")
    @classmethod
    def _is_variable(cls, value: str | None) -> str | None:
        # The value is not shown: it may be a key put in the wrong place.
        if value is not None and (not _VARIABLE.fullmatch(value) or _LOOKS_SECRET.fullmatch(value)):
            raise ValueError("give the name of an environment variable, such as OPENAI_API_KEY, not the key itself")
        return value

    @field_validator("extra")
    @classmethod
    def _keeps_own_fields(cls, value: dict[str, Scalar | dict[str, Scalar]]) -> dict[str, Scalar | dict[str, Scalar]]:
        taken = sorted(_OWN_FIELDS & value.keys() | {name for name in value if name.startswith("max_")})
        if taken:
            raise ValueError(f"{', '.join(taken)} cannot be given here: the program sets it itself")
        return value

    @model_validator(mode="after")
    def _key_is_settled(self) -> Self:
        if self.no_key and self.key_env is not None:
            raise ValueError("give key_env or no_key, not both")
        if self.key_env is None and not self.no_key and not self.is_loopback:
            raise ValueError("name the key's environment variable in key_env, or say no_key = true")
        if self.key_env and self.base_url.startswith("http:") and not (self.is_loopback or self.allow_http):
            raise ValueError("a key would go over the network unencrypted: use https, or say allow_http = true")
        if self.max_cost is not None and self.price is None:
            raise ValueError("max_cost needs a price")
        return self
