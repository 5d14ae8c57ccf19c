"""Results of pure functions, for equal arguments, however these are made."""

import functools
import pickle
from collections.abc import Callable
from typing import Any


class _Call:
    """Arguments, equal where their pickled bytes are."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args, self.kwargs = args, kwargs
        self.bytes = pickle.dumps((args, kwargs))

    def __hash__(self) -> int:
        return hash(self.bytes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Call) and self.bytes == other.bytes


def remembered(function: Callable[..., Any], *, size: int) -> Callable[..., Any]:
    """`function`, whose last `size` results are kept. `__wrapped__` is the function itself."""
    once = functools.lru_cache(maxsize=size)(lambda call: function(*call.args, **call.kwargs))

    @functools.wraps(function)
    def result(*args: Any, **kwargs: Any) -> Any:
        return once(_Call(args, kwargs))

    return result
