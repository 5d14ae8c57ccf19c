"""Trainings that need more memory than this machine has: a plan says so before the first is ended for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psutil

from bench.run.estimate.forecast_types import ArmForecast
from bench.units import size_text


def memory_remarks(arms: Sequence[ArmForecast], device: str) -> Iterator[str]:
    """A warning for each recipe whose trainings do not fit; of a GPU, whose memory is not asked for, none."""
    present = psutil.virtual_memory().total
    large: dict[str, list[ArmForecast]] = {}
    for arm in arms:
        if device == "cpu" and arm.memory_bytes > present:
            large.setdefault(arm.arm.partition("/")[2].partition("@")[0], []).append(arm)
    for recipe, too_large in large.items():
        most = max(arm.memory_bytes for arm in too_large)
        named = ", ".join(arm.arm for arm in too_large)
        yield (
            f"warning: recipe.{recipe}.batch_rows: {named}: a training takes up to {size_text(most)} of memory, this "
            f"machine has {size_text(present)} (fewer batch_rows with accumulation, batch_tokens, a shorter "
            "max_length, or gradient_checkpointing = true)"
        )
