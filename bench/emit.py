"""What a job's child tells its parent while it works."""

from __future__ import annotations

from collections.abc import Callable

Emit = Callable[[dict[str, object]], None]
"""Takes one event: a JSON object with a `type`."""
