"""The loss that a training ends with."""

from collections.abc import Sequence

from bench.record.results.training.ledger import Step

TAIL_STEPS = 10
"""Steps that the tail loss is a mean over, at least."""


def tail_loss(steps: Sequence[Step]) -> float | None:
    """Mean loss per supervised token over the last steps: those that hold the last tenth of the supervised tokens, and
    at least `TAIL_STEPS`, so that a short training's figure is not that of one batch."""
    scored = [step for step in steps if step.loss is not None and step.supervised_tokens]
    wanted = sum(step.supervised_tokens for step in scored) / 10
    tokens, total = 0, 0.0
    for taken, step in enumerate(reversed(scored)):
        if taken >= TAIL_STEPS and tokens >= wanted:
            break
        tokens += step.supervised_tokens
        total += (step.loss or 0.0) * step.supervised_tokens
    return total / tokens if tokens else None
