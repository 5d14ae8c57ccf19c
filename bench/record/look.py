"""One reading of a run's claims, kept so that a later run of the same question with more seeds or examples can count
it.

Contract: `look.json` is stored in the run directory; the record of a later run holds the looks that came before it.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from bench.digest import digest_json
from bench.spec import Spec
from bench.suite.tables.conclusions.claim import Claim
from bench.suite.tables.evals.eval_spec import with_all_examples
from bench.suite.tables.suite import Suite

LOOK = "look.json"
_GROWING = {"seeds", "more_seeds", "more_examples", "sequential", "run", "decision", "model", "models"}
"""Keys of a suite that may differ between two looks at one question; the models are compared by content."""


class ClaimLook(Spec):
    """One claim at one look."""

    claim: str
    """Key of the claim, by `claim_key`."""
    trainings: int
    """Trainings of both sides with a score."""
    examples: int | None = None
    """Examples that were asked for, of each task; `None` where the eval takes all, and of a cost."""
    leaning: Literal["supported", "refuted", "inconclusive", "incomplete"] | None
    p_value: float | None
    """Two-sided, before any correction."""


class Offer(Spec):
    """What a look could have bought: one more training of an arm, or more examples of an eval."""

    arm: str | None
    eval: str | None
    examples: int | None
    """By how many the eval would grow, each of its tasks."""
    claim: str
    """For which claim, in words."""
    gain: float
    """Variance of the claim's comparison that it takes away."""
    share: float | None
    """Gain as a share of that variance; `None` where the noise of training is unknown."""
    seconds: float | None
    """Its price, as such work took before; `None` where none was timed."""

    @property
    def what(self) -> str:
        """`a seed of curated/full`, or `200 examples of qa`."""
        return f"a seed of {self.arm}" if self.arm is not None else f"{self.examples or 0:,} examples of {self.eval}"

    @property
    def worth(self) -> float:
        """Variance per second; per offer where no price is known."""
        return self.gain / (self.seconds or 1.0)


class Look(Spec):
    """One reading. question: digest of the suite without what may grow. run: name of the run directory."""

    question: str
    run: str
    created: str
    """ISO 8601, UTC: when the run started."""
    claims: tuple[ClaimLook, ...]
    seeds: dict[str, int] = Field(default_factory=dict)
    """Trainings by arm."""
    examples: dict[str, int] = Field(default_factory=dict)
    """Examples that were asked for, by eval that does not take all."""
    offers: tuple[Offer, ...] = ()
    """What could be bought then, worth most first."""


def claim_key(claim: Claim) -> str:
    """What makes two claims the same one."""
    return f"{claim.says} on {claim.measure}, margin {claim.margin:g}"


def question_of(suite: Suite, *, models: tuple[str, ...]) -> str:
    """Digest of what a suite asks, whatever the number of its seeds and examples. models: hashes of the bases."""
    fields = suite.model_copy(update={"eval": tuple(map(with_all_examples, suite.eval))}).model_dump(
        mode="json", exclude=_GROWING
    )
    for spec in fields["data"].values():
        (spec.get("select") or {}).pop("seeds", None)
    return digest_json({"suite": fields, "models": sorted(models)})


def looks_beside(folder: Path, question: str) -> tuple[Look, ...]:
    """Looks at the same question in the run directories beside `folder`, oldest first; unreadable ones are left out."""
    looks = []
    for path in sorted(folder.parent.glob(f"*/{LOOK}")):
        if path.parent.is_symlink() or path.parent.name == folder.name:
            continue
        try:
            look = Look.model_validate_json(path.read_bytes())
        except (ValidationError, OSError):
            continue
        if look.question == question:
            looks.append(look)
    return tuple(sorted(looks, key=lambda look: look.created))
