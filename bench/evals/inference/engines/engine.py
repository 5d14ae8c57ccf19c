"""What can generate a subject's answers: this program, or a server of the same weights.

Contract: an engine takes prompts as token ids and gives answers cut and split as `finish` does; equal requests have
equal answers but for rounding, and whoever uses another engine than this program's compares the two first.
Continuations are scored by `Scorer` alone: a server has no likelihoods of given texts.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from bench.evals.inference.generation.generator import Answered
from bench.evals.inference.generation.request import Generation, GenerationRequest


class Engine(Protocol):
    """Generates answers."""

    @property
    def name(self) -> str:
        """Where it is, for the record."""

    def load_adapter(self, folder: Path, name: str) -> None:
        """Answer with the adapter of that folder from here on, under a name that no other weights have."""

    def generate(
        self,
        requests: Sequence[GenerationRequest],
        *,
        report: Callable[[int], None] = lambda _: None,
        keep: Callable[[Sequence[Answered]], None] = lambda _: None,
    ) -> list[Generation | None]:
        """Answers in the order of `requests`; `None` where there is none. `report` hears how many came together, `keep`
        gets them."""
