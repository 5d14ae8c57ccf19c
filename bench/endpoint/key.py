"""The key of an endpoint: from the environment, before any work, and never shown."""

from collections.abc import Mapping

from bench.errors import InputError, Problem
from bench.suite.tables.models.endpoint import EndpointSpec

_SHORT = 6


class Secret:
    """A text that does not show itself."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret(…)"

    def header(self) -> str:
        """The value of `Authorization`."""
        return f"Bearer {self._text}"

    def redact(self, text: str) -> str:
        """`text` without the secret."""
        return text.replace(self._text, "…") if len(self._text) >= _SHORT else text


def read_key(spec: EndpointSpec, environ: Mapping[str, str], *, table: str) -> Secret | None:
    """The key that `spec` names; `None` where it names none. `table`: path of the endpoint's table in its file. Raises
    `InputError` where the key is not set or no key."""
    if spec.key_env is None:
        return None
    key = environ.get(spec.key_env, "").strip()
    if not key:
        raise InputError(
            Problem(
                reference="endpoint.no-key",
                what=f"the environment variable {spec.key_env} is not set, so {spec.host} cannot be asked",
                where=f"{table}.key_env",
                hint=f"export {spec.key_env}=…; for a server without a key set no_key = true",
            )
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InputError(
            Problem(
                reference="endpoint.bad-key",
                what=f"the value of {spec.key_env} is not a key: it has blanks or characters beyond ASCII",
                where=f"{table}.key_env",
                hint=f"set {spec.key_env} again, without quotes or line breaks",
            )
        )
    return Secret(key)
