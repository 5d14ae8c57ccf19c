"""How numbers look, decided once. Every function takes `None` for "not known" and answers with a dash."""

import re

from bench.units import plural as plural
from bench.units import size_text

NONE = "–"
_MINUS = "−"


def number(value: float | None, *, digits: int = 3) -> str:
    """A score in the eval's units: `0.612`; large values lose decimals: `31.4`, `1,204`."""
    if value is None:
        return NONE
    return f"{_settled(value):,.{_decimals(value, digits)}f}".replace("-", _MINUS)


def signed(value: float | None, *, digits: int = 3) -> str:
    """A difference, always with its sign: `+0.551`, `−0.020`, `0.000`."""
    if value is None:
        return NONE
    text = f"{_settled(value):+,.{_decimals(value, digits)}f}"
    zero = not any(digit in text for digit in "123456789")
    return text[1:] if zero else text.replace("-", _MINUS)


def points(share: float, *, signed: bool = False) -> str:
    """A share of 1 in points of a hundred: `46.5`, `−2.3`; signed: `+46.5`."""
    text = f"{100 * share:.1f}".replace("-0.0", "0.0").replace("-", _MINUS)
    return f"+{text}" if signed and share > 0 else text


def interval(low: float | None, high: float | None, *, digits: int = 3) -> str:
    """`[0.571, 0.652]`; empty where there is none."""
    if low is None or high is None:
        return ""
    return f"[{number(low, digits=digits)}, {number(high, digits=digits)}]"


def signed_interval(low: float | None, high: float | None, *, digits: int = 3) -> str:
    """`[+0.502, +0.596]`; empty where there is none. An end that rounds to zero has a sign where the interval excludes
    zero, as its mark says: `[+0.000, +0.054]`."""
    if low is None or high is None:
        return ""
    side = "+" if low > 0 else _MINUS if high < 0 else ""
    ends = (signed(end, digits=digits) for end in (low, high))
    return f"[{', '.join(end if end.startswith(side) else side + end for end in ends)}]"


def p_value(value: float | None) -> str:
    """`0.031`; small ones as `<0.001`."""
    if value is None:
        return NONE
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def fixed(value: float | None, *, digits: int = 1) -> str:
    """A figure whose column keeps its decimals, such as seconds: `83.0`."""
    return NONE if value is None else f"{value:,.{digits}f}"


def count(value: float | None) -> str:
    """A whole number with thousands marked: `60,012`."""
    return NONE if value is None else f"{value:,.0f}"


def rounded(value: int) -> str:
    """A number that an estimate gives, which is not known to more than two digits: `590`, `66,000`."""
    return f"{int(float(f'{value:.2g}')):,}"


def epochs(value: float | None) -> str:
    """Epochs, or a part of one: `3.00`, `0.05`; fewer than can be shown as `<0.01`."""
    return "<0.01" if value is not None and 0 < value < 0.005 else number(value, digits=2)


def amount(value: float) -> str:
    """A budget: whole where it is whole, else two decimals: `60,000`, `1.50`."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.2f}"


_SIZES = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


def short_count(value: float | None) -> str:
    """Parameters, tokens, operations: `60.0K`, `1.9M`, `6.7B`, `5.3T`."""
    if value is None:
        return NONE
    for size, unit in _SIZES:
        if value >= 0.9995 * size:  # 999,960 is a million, not 1000K
            return f"{value / size:.{1 if value / size < 99.95 else 0}f}{unit}"
    return f"{value:.0f}"


def percent(share: float | None, *, digits: int = 1) -> str:
    """A share of 1 as per cent: `12.0%`."""
    return NONE if share is None else f"{100 * share:.{digits}f}%"


def chance(share: float) -> str:
    """A probability that an estimate gives, never as certain: `97%`, `over 99%`, `under 1%`."""
    if 0.01 <= share <= 0.99:
        return percent(share, digits=0)
    return "over 99%" if share > 0.99 else "under 1%"


def above_zero(value: float) -> str:
    """An estimate that is never zero, such as an expected loss: `0.044`, `under 0.001`."""
    return "under 0.001" if value < 0.0005 else number(value)


def memory(size: float | None) -> str:
    """Bytes in the unit that fits them: `720 MiB`, `11.3 GiB`."""
    return NONE if size is None else size_text(size)


def seconds(value: float | None) -> str:
    """A duration: `0.4 s`, `38 s`, `3 min 32 s`, `2 h 05 min`."""
    if value is None:
        return NONE
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def about_seconds(value: float) -> str:
    """A duration that is estimated, without its smaller part: `0.4 s`, `38 s`, `4 min`, `2 h`."""
    if value < 60:
        return seconds(value)
    return f"{round(value / 60):,} min" if value < 5400 else f"{round(value / 3600):,} h"


def listed(names: list[str] | tuple[str, ...]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def first_clause(sentence: str) -> str:
    """A sentence up to its first colon or semicolon: `no score: out of memory` is `no score`."""
    return re.split("[:;] ", sentence, maxsplit=1)[0]


def _settled(value: float) -> float:
    """Without the last bits, in which machines differ: half way between two figures it rounds alike on all."""
    return round(value, 12)


def _decimals(value: float, digits: int) -> int:
    size = abs(value)
    return digits if size < 10 else max(0, digits - 1) if size < 100 else max(0, digits - 2) if size < 1000 else 0
