"""`[contamination]`: what counts as an eval's example standing in training rows."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from bench.spec import Spec

Words = Annotated[int, Field(ge=1, le=1000)]


class ContaminationOptions(Spec):
    """An example counts where one training row has `ngram` consecutive words of it (see docs/statistics.md)."""

    ngram: Words = 13
    """Words in a row."""
    shortest: Words = 8
    """Examples of fewer words than `ngram` count where a row has all of them; examples below this are not judged."""

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.shortest > self.ngram:
            raise ValueError("shortest is above ngram: no example would be judged by its length")
        return self
