"""A published claim, computed again from the scores beside its card.

Contract: reads the card's front matter and its evidence alone, and trusts neither verdicts nor numbers in it.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.errors import InputError, Problem
from bench.record.rundir import RunDirectory
from bench.report.compare import compare
from bench.report.export.model_card import CARD, CLAIMS_KEY, claim_entry

_TOLERANCE = 1e-9
_KEYS = ("verdict", "difference", "low", "high", "margin")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedClaim:
    """One claim of a card. differs: the card's keys whose values are not those of the evidence; empty: it holds."""

    says: str
    on: str
    verdict: str | None
    """Computed from the evidence; `None`: the evidence has no such claim."""
    differs: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.differs


def verify(card: Path) -> tuple[VerifiedClaim, ...]:
    """Every claim of the card (its file, or the folder that holds it), computed again.

    Raises `InputError` where the card names no claims or its evidence cannot be read."""
    path = card / CARD if card.is_dir() else card
    block = _front(path).get(CLAIMS_KEY)
    if not isinstance(block, dict) or not isinstance(block.get("claims"), list):
        raise InputError(_not_a_card(path, f"its front matter has no claims under `{CLAIMS_KEY}`"))
    folder = path.parent / str(block.get("evidence"))
    if not folder.resolve().is_relative_to(path.parent.resolve()):
        raise InputError(_not_a_card(path, "its evidence is outside the card's folder"))
    comparison = compare(RunDirectory(folder))
    computed = {(r.claim.says, r.claim.measure): claim_entry(r) for r in comparison.claims}
    claims = [entry for entry in block["claims"] if isinstance(entry, dict)]
    return tuple(_verified(entry, computed.get((entry.get("says"), entry.get("on")))) for entry in claims)  # type: ignore[arg-type]  # any key may be asked for


def _verified(published: dict[str, Any], computed: dict[str, Any] | None) -> VerifiedClaim:
    differs = ("claim",) if computed is None else tuple(k for k in _KEYS if not _same(published.get(k), computed[k]))
    verdict = None if computed is None else computed["verdict"]
    return VerifiedClaim(says=str(published.get("says")), on=str(published.get("on")), verdict=verdict, differs=differs)


def _same(first: object, second: object) -> bool:
    if isinstance(first, int | float) and isinstance(second, int | float):
        return math.isclose(first, second, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return first == second


def _front(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        front = yaml.safe_load(text.split("---\n")[1]) if text.startswith("---\n") else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, IndexError) as error:
        raise InputError(_not_a_card(path, "it cannot be read as Markdown with a YAML front matter")) from error
    if not isinstance(front, dict):
        raise InputError(_not_a_card(path, "it has no YAML front matter"))
    return front


def _not_a_card(path: Path, what: str) -> Problem:
    hint = "write one with: bench export RUN --to model-index --arm ARM"
    return Problem(
        reference="verify.no-card", what=f"this is not a card of a benchmark: {what}", where=str(path), hint=hint
    )
