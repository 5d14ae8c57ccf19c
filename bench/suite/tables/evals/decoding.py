"""How the answers of an eval are drawn."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from bench.spec import Count, Seed, Spec


class Decoding(Spec):
    """How answers are drawn: greedily, or sampled with a seed; the same draws for base and arms."""

    temperature: float = Field(default=0.0, ge=0, le=10)
    """0: greedy."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    """Draw from the smallest set of tokens with at least this probability."""
    top_k: Count | None = None
    """Draw from this many most probable tokens."""
    samples: int = Field(default=1, gt=0, le=1000)
    """Answers per prompt; a prompt's score is their mean."""
    seed: Seed = 0
    """Seed of the draws."""
    max_new_tokens: Count = 256
    """Longest answer, in tokens; a longer one is cut and counted."""
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Texts that end an answer and are no part of it, beside the template's own."""

    @model_validator(mode="after")
    def _greedy_draws_once(self) -> Self:
        drawn = [key for key in ("top_p", "top_k") if getattr(self, key) is not None]
        if self.temperature == 0 and (drawn or self.samples > 1):
            key = drawn[0] if drawn else "samples above 1"
            raise ValueError(f"greedy decoding (temperature 0) has no use for {key}: set temperature")
        return self
