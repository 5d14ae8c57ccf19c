"""Weights that were trained elsewhere, as the run found them.

Contract: pure functions of the record.
"""

from dataclasses import dataclass

from bench.record.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenTraining:
    """One training that was made elsewhere."""

    arm: str
    seed: int
    """Its position among the arm's trainings."""
    source: str
    """Folder or hub id, as the suite gave it."""
    sha256: str
    parameters: int
    """Numbers in its files."""
    named_base: str | None
    """Base that its configuration names."""
    notes: tuple[str, ...]
    """What differs from the suite's base without making it unfit."""


def given_trainings(record: Record) -> tuple[GivenTraining, ...]:
    """Each training of each given arm, in the suite's order."""
    return tuple(
        GivenTraining(
            arm=given.arm,
            seed=given.seed,
            source=given.source,
            sha256=given.sha256,
            **given.facts.model_dump(exclude={"tensors", "applied", "weights_check"}),
        )
        for given in record.given
    )
