"""A client of a fake server, and what it is asked."""

from pathlib import Path
from typing import Any

from bench.endpoint.client import EndpointClient, open_endpoint
from bench.endpoint.completion import Completion, CompletionRequest
from bench.suite.tables.models.endpoint import EndpointSpec, Sampling
from tests.fakes.endpoint_server import EndpointServer, FakeClock

KEY = "test-key-0123456789"


def client(server: EndpointServer | str, cache: Path, clock: FakeClock | None = None, **spec: Any) -> EndpointClient:
    url = server if isinstance(server, str) else server.url
    environ = {"TEACHER_KEY": KEY}
    spec = {"model": "teacher", "concurrency": 1, **spec}
    asked = EndpointSpec(base_url=url, **spec)
    return open_endpoint(asked, table="writer.endpoint", cache=cache, clock=clock or FakeClock(), environ=environ)


def ask(*texts: str, **sampling: Any) -> list[CompletionRequest]:
    return [CompletionRequest.ask(text, sampling=Sampling(**sampling)) for text in texts]


def one(asked: EndpointClient, text: str = "hello") -> Completion:
    [completion] = asked.complete(ask(text))
    return completion
