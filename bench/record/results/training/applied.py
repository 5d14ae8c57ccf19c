"""What a tuned subject, as evals load it, changes of its base: the proof that it was applied."""

from pydantic import Field

from bench.spec import Spec

QUESTION_ROWS, QUESTION_TOKENS = 64, 64
"""Rows that subject and base are compared on, and the most tokens of each: they bound the cost of the check."""


class WeightsCheck(Spec):
    """Loss of one batch in nats per token: a trained subject's own rows, else the fixed questions."""

    as_trained: float
    """Loss of the model in memory when the training ended; of a given adapter, with the adapter in its layers."""
    as_evaluated: float
    """Loss of the subject as evals load it from the saved files."""
    base: float | None = None
    """Loss of the base on the same rows; `None`: not measured."""


class LayerGroup(Spec):
    """Matrices of one kind in neighbouring layers."""

    name: str
    """Such as `attention, layers 0 to 9`."""
    matrices: int
    changed: int
    """Matrices that differ from the base's."""
    norm: float
    """Frobenius norm of the difference."""
    relative_norm: float
    """Norm of the difference over the norm of the base's matrices."""
    effective_rank: float | None
    """Participation ratio (Σσ²)² / Σσ⁴ of the singular values of a matrix's difference, mean over up to a
    dozen of the changed matrices, evenly spread; `None` where none changed."""


class HeldOutDrift(Spec):
    """How far a subject's next tokens are from its base's on the first rows of a held-out loss."""

    kl: float
    """Mean Kullback-Leibler divergence of the subject's next token from the base's, in nats."""
    changed_top: float
    """Share of positions at which the most likely next token is another one."""
    rows: int = Field(gt=0)
    positions: int


class Applied(Spec):
    """One subject beside its base."""

    groups: tuple[LayerGroup, ...]
    """Empty where the subject's weights are the base's and something beside them changes the output: a learned
    prompt, or an adapter that cannot be merged."""
    norm: float | None
    """Frobenius norm of the difference of all matrices; `None` where there is no group."""
    relative_norm: float | None
    expected: int
    """Matrices that the training was to change: those that its adapter names, or all of a whole model."""
    without_effect: int
    """Matrices among these that equal the base's."""
    such_as: tuple[str, ...] = ()
    """Names of the first of these."""
    kl: float
    """Mean Kullback-Leibler divergence of the subject's next token from the base's, in nats."""
    changed_top: float
    """Share of positions at which the most likely next token is another one."""
    rows: int = Field(gt=0)
    """Rows that both are measured on; none is of any training."""
    positions: int
    seconds: float
    """Time that the check took."""

    @property
    def same_as_base(self) -> bool:
        """Whether nothing at all differs."""
        return not self.norm and not self.kl and not self.changed_top
