"""One message as a turn."""

from typing import Any

from bench.data.formats.chat.messages import message_turns


def said(**keys: Any) -> dict[str, Any]:
    """The turn that an assistant's message becomes."""
    return message_turns([{"role": "assistant", "content": "A", **keys}])[0]
