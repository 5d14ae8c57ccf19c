"""`engine = "unsloth"` of a recipe: what of a recipe unsloth is handed.

Contract: nothing of the recipe is dropped in silence. A key that neither decides the rows nor is handed to unsloth is
refused.
"""

from collections.abc import Iterator
from typing import Final

_METHODS: Final = ("lora", "rslora")
_HANDED: Final = frozenset(
    {
        "method", "engine", "learning_rate", "min_learning_rate", "schedule", "schedule_cycles", "schedule_power",
        "schedule_decay", "warmup", "weight_decay", "betas", "max_grad_norm", "loss_on", "end_token", "loss_average",
        "batch_rows", "batch_tokens", "accumulation", "max_length", "group_by_length", "precision",
        "gradient_checkpointing", "lora", "budget", "sweep",
    }
)  # fmt: skip


def unsloth_faults(method: str, precision: str, given: frozenset[str]) -> Iterator[str]:
    """What of a recipe unsloth does not get. given: keys that differ from their defaults."""
    if method not in _METHODS:
        yield f'unsloth trains method = "{_METHODS[0]}" or "{_METHODS[1]}" here'
    if precision == "fp16":
        yield 'unsloth gets precision = "bf16" or "fp32": fp16 needs scaled gradients'
    for key in sorted(given - _HANDED):
        yield f"{'from' if key == 'from_arm' else key} is not handed to unsloth: remove it"
