"""One thing that is wrong in a task file."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong, beginning with the key, and the next step."""

    what: str
    hint: str | None
    about: str = "key"
    """`key`, `rows`, `field`, `template` or `member`: the last word of the error's reference."""
