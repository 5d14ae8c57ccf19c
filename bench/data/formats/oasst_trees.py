"""OASST's flat message table to conversation trees: one message per row, each naming its parent.

Contract: `trees` reads all messages, keeps their texts in a temporary file, and yields one record per root, in the
order of the roots, in the shape of OASST's tree files: `{"prompt": {"role", "text", "rank", "replies": […]}}`. Deleted
messages, what replies to them, and messages whose parent is nowhere are left out.
"""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from bench.data.formats.chat.messages import parsed_flag
from bench.data.formats.fields import RowError, not_an_object


@dataclass(slots=True)
class _Message:
    row: int
    role: object
    rank: object
    start: int
    size: int
    replies: list["_Message"] = field(default_factory=list)


def trees(records: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """`(row of the root message, tree)`; rows that cannot be read come through as they are."""
    with tempfile.TemporaryFile() as texts:
        messages: dict[str, _Message] = {}
        parents: list[tuple[_Message, object]] = []
        roots: list[_Message] = []
        for row, record in records:
            fault = record if isinstance(record, RowError) else _fault(record)
            if fault is not None:
                yield row, fault
                continue
            if parsed_flag(record.get("deleted")) is True:
                continue
            data = record["text"].encode("utf-8", "surrogatepass")
            message = _Message(row, record["role"], record.get("rank"), texts.tell(), len(data))
            texts.write(data)
            messages[str(record["message_id"])] = message
            if record["parent_id"] is None or record["parent_id"] == "":
                roots.append(message)
            else:
                parents.append((message, record["parent_id"]))
        for message, parent in parents:
            if (above := messages.get(str(parent))) is not None:
                above.replies.append(message)
        for root in roots:
            yield root.row, {"prompt": _tree(root, texts)}


def _fault(record: object) -> RowError | None:
    if not isinstance(record, dict):
        return not_an_object(record)
    missing = [name for name in ("message_id", "parent_id", "role", "text") if name not in record]
    if missing:
        return RowError("data.missing-field", f"no field `{missing[0]}` (fields seen: {', '.join(map(str, record))})")
    if not isinstance(record["text"], str):
        return RowError("data.not-text", "field `text` is not text")
    return None


def _tree(root: _Message, texts: IO[bytes]) -> dict[str, Any]:
    """Without recursion: conversations may be deeper than Python's stack."""
    top = _node(root, texts)
    waiting = [(root, top)]
    while waiting:
        message, node = waiting.pop()
        for reply in message.replies:
            node["replies"].append(_node(reply, texts))
            waiting.append((reply, node["replies"][-1]))
    return top


def _node(message: _Message, texts: IO[bytes]) -> dict[str, Any]:
    texts.seek(message.start)
    text = texts.read(message.size).decode("utf-8", "surrogatepass")
    return {"role": message.role, "text": text, "rank": message.rank, "replies": []}
