"""Rows that a training holds out and is watched by."""

from typing import Literal

from pydantic import Field

from bench.spec import Count, Spec


class Validation(Spec):
    """`[recipe.NAME.validation]`: a part of the training rows is held out and scored while training goes on."""

    share: float = Field(default=0.1, gt=0, lt=1)
    """Share of the arm's rows that is held out, at least one row. Held-out rows are not trained on."""
    by: Literal["random", "last"] = "random"
    """Held-out rows: drawn by the training's seed, or the last rows of the data."""
    every: Count | None = None
    """Steps between two evaluations; `None`: ten in all. The last step is always evaluated."""
    keep_best: bool = True
    """Save the weights of the lowest validation loss, not those of the last step."""
    patience: Count | None = None
    """End the training after so many evaluations in a row without a lower loss; `None`: train to the end."""
    min_delta: float = Field(default=0.0, ge=0)
    """For `patience`, a loss counts as lower from this much on, in nats per supervised token."""
