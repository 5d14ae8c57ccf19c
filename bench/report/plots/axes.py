"""Axes: from data to places on a panel, ticks at round numbers, and labels that differ from one another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.units import GIB, MIB

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MOST_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Data from `low` to `high` on places from `start` to `end`; logarithmic where so asked (then low is above 0)."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The place of a value, kept within the axis."""
        low, high, value = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        share = (value - low) / (high - low)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)


def spanning(
    values: Sequence[float | None], *, start: float, end: float, margin: float = 0.06, log: bool = False
) -> Axis:
    """The axis that holds all values that are known, with a margin on both sides; one of width 0 is widened."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    if log:
        factor = max(1.05, (high / low) ** margin)
        return Axis(low=low / factor, high=high * factor, start=start, end=end, log=True)
    width = high - low or abs(high) or 1.0
    return Axis(low=low - width * margin, high=high + width * margin, start=start, end=end)


def ticks(axis: Axis, *, most: int = 4) -> list[float]:
    """At most so many round numbers inside the axis; three at least where four are asked for."""
    width = axis.high - axis.low
    power = 10.0 ** math.floor(math.log10(width / most))
    chosen: list[float] = []
    for step in (step * scale for scale in (power / 10, power, power * 10) for step in _STEPS[:-1]):
        first, last = math.ceil(axis.low / step - 1e-9), math.floor(axis.high / step + 1e-9)
        if last - first + 1 <= most:
            chosen = [number * step for number in range(first, last + 1)]
            break
    return chosen


def labels(values: Sequence[float]) -> list[str]:
    """Texts with as many decimals as keep them apart, `K` and `M` counted."""
    size = max((abs(value) for value in values), default=0.0)
    scale, letter = next(
        ((s, u) for s, u in ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "K")) if size >= s),
        (1.0, ""),
    )
    scale = 1e3 if letter == "K" else scale
    for digits in range(_MOST_DIGITS):
        said = [f"{value / scale:,.{digits}f}".replace("-", "−") for value in values]
        exact = all(abs(round(value / scale, digits) - value / scale) * scale <= 1e-9 * size for value in values)
        if exact and len(set(said)) == len(set(values)):
            break
    return [text if value == 0 else text + letter for value, text in zip(values, said, strict=True)]


def of_bytes(axis: Axis) -> tuple[list[float], list[str]]:
    """Ticks and labels of memory: round numbers of MiB or GiB."""
    unit, name = (GIB, "GiB") if axis.high >= GIB else (MIB, "MiB")
    scaled = Axis(low=axis.low / unit, high=axis.high / unit, start=axis.start, end=axis.end)
    values = ticks(scaled, most=4)
    return [value * unit for value in values], [f"{text} {name}" for text in labels(values)]
