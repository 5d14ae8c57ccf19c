"""What a served model was asked for one eval, and what that took."""

from bench.spec import Spec


class EndpointUse(Spec):
    """Requests to one server for one eval."""

    model: str
    """Name that the server gives its model, else the name that was asked for."""
    host: str | None
    asked: int
    """Requests."""
    reused: int
    """Replies from disk, among those asked."""
    refused: int
    """Requests that were refused, whatever is tried: their examples have no score."""
    prompt_tokens: int | None
    """Tokens of all replies; `None` where the server did not count."""
    completion_tokens: int | None
    cost: float | None
    """Cost of all replies, whenever paid for; `None` without a price."""
    cost_now: float | None
    """Cost of the replies that were not on disk when the job ran."""
    currency: str | None
