"""One sanity verdict."""

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
    changes: tuple[str, ...] = ()
    """Decided claims, the decision, or marks that rest on what the verdict puts in doubt; empty: none does."""
