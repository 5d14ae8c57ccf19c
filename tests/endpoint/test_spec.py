"""What an endpoint's table may say: no secret gets in, none gets out."""

from typing import Any

import pytest
from pydantic import ValidationError

from bench.suite.tables.models.endpoint import EndpointSpec

AWAY = "https://api.example.com/v1"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"base_url": "ftp://x"}, "give a URL"),
        ({"base_url": "api.example.com/v1"}, "give a URL"),
        ({"base_url": "https://user:pass@example.com"}, "no user name"),
        ({"base_url": "https://example.com/v1?key=abc"}, "no user name"),
        ({"base_url": AWAY}, "name the key's environment variable"),
        ({"base_url": AWAY, "key_env": "K", "no_key": True}, "not both"),
        ({"base_url": "http://example.com/v1", "key_env": "K"}, "unencrypted"),
        ({"base_url": AWAY, "key_env": "sk-proj-0123456789"}, "not the key itself"),
        ({"base_url": AWAY, "key_env": "a" * 40}, "not the key itself"),
        ({"base_url": AWAY, "key_env": "K", "extra": {"messages": "x"}}, "messages cannot be given"),
        ({"base_url": AWAY, "key_env": "K", "max_cost": 1.0}, "needs a price"),
    ],
)
def test_what_cannot_be_asked_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EndpointSpec(model="m", **fields)
    [error] = caught.value.errors()
    message = str(error["ctx"]["error"])
    assert says in message
    for secret in ("pass", "abc", "sk-proj-0123456789", "a" * 40):
        assert secret not in message.replace("password", "")


@pytest.mark.parametrize(
    "fields",
    [
        {"base_url": AWAY, "key_env": "OPENAI_API_KEY"},
        {"base_url": AWAY, "no_key": True},
        {"base_url": "http://localhost:8000/v1"},
        {"base_url": "http://127.0.0.1:8000/v1", "key_env": "K"},
        {"base_url": "http://[::1]:8000/v1"},
        {"base_url": "http://box.lan/v1", "key_env": "K", "allow_http": True},
    ],
)
def test_what_can_be_asked_is_taken(fields: dict[str, Any]) -> None:
    assert EndpointSpec(model="m", **fields).host


def test_the_whole_address_of_the_protocol_is_understood() -> None:
    spec = EndpointSpec(model="m", base_url=f"{AWAY}/chat/completions/", no_key=True)
    assert spec.base_url == AWAY
