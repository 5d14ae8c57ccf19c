"""Environment variables for as long as something is started under them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def surroundings(wanted: Mapping[str, str]) -> Iterator[None]:
    """Set `wanted` in this process's environment; afterwards everything is as it was."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
