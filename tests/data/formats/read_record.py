"""One record, read by the rules of a suite."""

from typing import Any

from bench.data.formats.chat.turns import Settled
from bench.data.formats.conversation import Rules
from bench.data.formats.shapes import recognise

MESSAGES = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
Q_AND_A = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]


def read(record: dict[str, Any], **rules: Any) -> Settled:
    """One record, as the reader of a file of such records reads it."""
    options = Rules(**{key: frozenset(value) if isinstance(value, list) else value for key, value in rules.items()})
    record = options.visible(record)  # type: ignore[assignment]  # an object stays one
    shape = recognise([record])
    return options.read(record, shape)


def roles_and_texts(record: dict[str, Any], **rules: Any) -> list[tuple[str, str]]:
    """Who says what, an input behind its question."""
    return [
        (turn["role"], "|".join(text for text in (turn["content"], turn.get("input")) if text))
        for turn in read(record, **rules).turns
    ]
