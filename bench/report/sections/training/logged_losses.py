"""Training losses as published logs have them, where the suite says how often (`run.log_every`)."""

import math
from collections.abc import Sequence

from bench.report.analysis.training.losses.logged_losses import LoggedLosses
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Paragraph, Table

_FIRST = 10
"""Logs shown from the start on, and as many, evenly spaced, of what comes after them. The JSON has all."""

_DIGITS = 4
"""Decimals that transformers prints."""


def logged_losses_blocks(logged: Sequence[LoggedLosses]) -> list[Block]:
    """One column for each arm; empty where nothing is logged."""
    if not logged:
        return []
    every, windows = logged[0].every, max((arm.windows for arm in logged), key=len)
    longest = len(windows)
    stride = math.ceil((longest - _FIRST) / _FIRST)
    shown = range(longest) if stride <= 1 else (*range(_FIRST), *range(_FIRST + stride - 1, longest, stride))
    columns = (Column(title="Training loss, mean of"), *(Column(title=arm.arm, right=True) for arm in logged))
    rows = [
        (Cell(text=_steps(*windows[index])), *(Cell(text=_at(arm.losses, index)) for arm in logged)) for index in shown
    ]
    rows.append((Cell(text="all steps"), *(Cell(text=fmt.fixed(arm.whole, digits=_DIGITS)) for arm in logged)))
    often = "step" if every == 1 else f"{every:,} steps"
    text = (
        f"Training losses as a log of every {often} has them, in nats: means over these steps and over the seeds. "
        "Where a recipe averages over batches, all steps are the mean of its forward passes."
    )
    return [Paragraph(text=text, tone="muted"), Table(columns=columns, rows=tuple(rows))]


def _steps(first: int, last: int) -> str:
    return f"step {last:,}" if first == last else f"steps {first:,} to {last:,}"


def _at(losses: Sequence[float | None], index: int) -> str:
    return fmt.fixed(losses[index], digits=_DIGITS) if index < len(losses) else fmt.NONE
