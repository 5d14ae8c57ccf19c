"""Reads a TOML file, or says plainly why it cannot: where in the file, and what that line holds.

Contract: whatever the bytes are, the answer is a table or an `InputError`; time and depth are bounded.
"""

import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from bench.errors import InputError, Problem

TomlTable = dict[str, Any]

MAX_BYTES = 256 * 1024
"""A suite or card is a few kilobytes; more is a mistake of file."""
MAX_LINE = 16 * 1024
MAX_DEPTH = 24
"""Tables within tables. The deepest key of a suite is at 6."""

_POSITION = re.compile(r"\s*\(at line (\d+), column (\d+)\)$")
_LISTS = {"suite": "bench list suites", "card": "bench list models"}
"""The command that says which there are, by kind of file."""


def read_toml(path: Path, *, kind: str) -> tuple[TomlTable, bytes]:
    """The table in `path` and the file's bytes. `kind` ("suite", "card") begins the reference of what is refused."""
    raw = _read_bytes(path, kind)
    return parse_toml(_decode(raw, path, kind), name=str(path), kind=kind), raw


def parse_toml(text: str, *, name: str, kind: str) -> TomlTable:
    """The table of a TOML `text`. `name` says where it came from."""
    reference = f"{kind}.syntax"
    long_line = next((row for row, line in enumerate(text.split("\n"), 1) if len(line) > MAX_LINE), None)
    if long_line is not None:
        raise _refusal(reference, f"a line is longer than {MAX_LINE:,} characters", f"{name}:{long_line}")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax(error, text, name, reference) from None
    except RecursionError:
        raise _refusal(reference, "lists or tables are nested too deeply", name) from None
    except ValueError as error:  # an integer of thousands of digits, a date that does not exist
        raise _refusal(reference, f"not valid TOML: {error}", name) from None
    if depth(table) > MAX_DEPTH:
        raise _refusal(reference, f"tables are nested more than {MAX_DEPTH} deep", name)
    return table


def depth(value: object) -> int:
    """Levels of tables and lists within `value`, found without recursion."""
    deepest, todo = 0, [(value, 0)]
    while todo:
        node, level = todo.pop()
        deepest = max(deepest, level)
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        todo.extend((child, level + 1) for child in children)
    return deepest


def _read_bytes(path: Path, kind: str) -> bytes:
    where = str(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _refusal(f"{kind}.file", f"this is a folder, not a {kind} file", where, "name the .toml file in it")
        if not stat.S_ISREG(status.st_mode):
            raise _refusal(
                f"{kind}.file", f"a {kind} is a regular file; this is a pipe or a device", where, "name the .toml file"
            )
        if status.st_size > MAX_BYTES:
            what = f"{status.st_size:,} bytes are too many for a {kind} (at most {MAX_BYTES:,})"
            raise _refusal(f"{kind}.file", what, where, "name the .toml file")
        return path.read_bytes()
    except FileNotFoundError:
        hint = _LISTS.get(kind, "check the path; one without a leading / begins in the current folder")
        raise _refusal(f"{kind}.missing", f"there is no {kind} file here", where, hint) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        what = f"the {kind} file cannot be read: {reason}"
        raise _refusal(f"{kind}.file", what, where, "check its owner and permissions") from None


def _decode(raw: bytes, path: Path, kind: str) -> str:
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        what = f"not UTF-8: byte 0x{raw[error.start]:02x} begins no character"
        raise _refusal(f"{kind}.encoding", what, f"{path}:{line}:{column}", "save the file as UTF-8") from None


def _syntax(error: tomllib.TOMLDecodeError, text: str, name: str, reference: str) -> InputError:
    message = str(error)
    position = _POSITION.search(message)
    if position is None:  # "(at end of document)"
        return _refusal(reference, f"not valid TOML: {_plain(message)}", f"{name}:{text.count(chr(10)) + 1}")
    line, column = int(position[1]), int(position[2])
    content = text.split("\n")[line - 1].strip()
    hint = f"line {line} reads: {content[:100]}" if content else f"line {line} is empty"
    return _refusal(
        reference, f"not valid TOML: {_plain(message[: position.start()])}", f"{name}:{line}:{column}", hint
    )


def _plain(message: str) -> str:
    if message.startswith(("Cannot overwrite", "Cannot declare", "Cannot mutate")):
        return "this key or table was given before"
    return message[:1].lower() + message[1:]


def _refusal(reference: str, what: str, where: str, hint: str = "TOML is described at https://toml.io") -> InputError:
    return InputError(Problem(reference=reference, what=what, where=where, hint=hint))
