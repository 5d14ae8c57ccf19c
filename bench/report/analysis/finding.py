"""One sanity verdict."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One verdict on one cell, or on one arm, or on the whole run."""

    name: str
    """Such as `at chance`."""
    arm: str | None
    measurand: str | None
    detail: str
    """What was seen, with its figure."""
