"""Calls of functions as a measure of work: the same on every machine, however busy."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Calls(Generic[Value]):
    """What a piece of work brought, and the functions that it called, in Python or in C."""

    value: Value
    number: int


def count_calls(work: Callable[[], Value]) -> Calls[Value]:
    """Do `work` in this thread and count."""
    number = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        value = work()
    finally:
        sys.setprofile(before)
    return Calls(value=value, number=number)
